// ScanSources: the sources of a view between a scan's bounds, as one cursor and one Covering.
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
  void CollectRanges(const std::vector<View::Tables>& levels);
  void AddRun(View::Tables tables, const ScanOptions& options,
              std::vector<std::unique_ptr<Cursor>>* children) const;

  std::shared_ptr<const View> view_;
  RangeTombstoneLists ranges_;  // those that are not empty
  std::optional<Covering> covering_;
  std::unique_ptr<Cursor> cursor_;  // over view_ and ranges_
};

}  // namespace varve
