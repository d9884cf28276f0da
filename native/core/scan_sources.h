// ScanSources: the sources of a view between a scan's bounds, as one cursor and one Covering.
//
// What a source holds of a key is newer than what the sources behind it hold: so a range tombstone
// of one source covers all that those behind it have in its span.
//
// Thread safety: one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/covering.h"
#include "core/scan.h"

namespace varve {

class ScanSources {
 public:
  explicit ScanSources(std::shared_ptr<const View> view) : view_(std::move(view)) {}

  bool opened() const { return cursor_ != nullptr; }
  void Open(const ScanOptions& options);
  // Closes, and goes on with another view.
  void Reset(std::shared_ptr<const View> view);

  // REQUIRES: opened.
  Cursor* cursor() const { return cursor_.get(); }
  Covering* covering() { return &*covering_; }

 private:
  struct Source {
    std::unique_ptr<Cursor> cursor;
    Sequence sequence_last = 0;  // no entry of it is newer
    size_t runs_end = 0;         // its runs, and those of the sources before, are [0, runs_end)
  };

  void AddMemtable(const Memtable& memtable, const ScanOptions& options);
  void AddTables(View::Tables tables, const ScanOptions& options);
  RangeRun RunAt(size_t run) const;
  std::vector<Covering::Part> PartsOver(size_t source) const;

  std::shared_ptr<const View> view_;
  std::vector<Source> sources_;  // newest first; none but in Open
  // Range tombstones, in the order of their sources, and where in lists_ each run of them ends.
  std::vector<const RangeTombstones*> lists_;
  std::vector<size_t> run_ends_;
  std::optional<Covering> covering_;
  std::unique_ptr<Cursor> cursor_;  // over view_ and lists_
};

}  // namespace varve
