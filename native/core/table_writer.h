// TableWriter: writes one table (table_format.h), in entry order.
//
// Buffers whole blocks and writes them out as they fill, starting write-back every
// MiB so that the final sync is short. Any error sticks: Finish returns it, and the
// caller removes the file. Thread safety: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/block_builder.h"
#include "core/file.h"
#include "core/filter.h"
#include "core/range_tombstones.h"
#include "core/table_format.h"

namespace varve {

struct TableOptions {
  size_t block_bytes = 4096;
  int restart_interval = 8;
  double filter_bits_per_key = 10;
  bool hash_index = true;
};

class TableWriter {
 public:
  TableWriter(const TableOptions& options, std::unique_ptr<File> file, const FileId& id);

  // REQUIRES: after the entry added before, in entry order; kind != kRangeTombstone.
  Status Add(Slice key, uint64_t trailer, Slice value);
  // Counts an entry as kept only for snapshots (see TableProperties).
  void NoteKeptForSnapshot(Sequence sequence);
  // Set once, before Finish: the range tombstones of this table, truncated to its bounds.
  void SetRangeTombstones(RangeTombstones tombstones);
  // Sections, footer, sync of the file (not of its directory).
  Status Finish();

  uint64_t file_bytes_estimate() const;
  uint64_t entries() const { return properties_.entries; }
  const TableProperties& properties() const { return properties_; }  // complete after Finish

 private:
  // …implementation's own
  TableOptions options_;
  std::unique_ptr<File> file_;
  TableProperties properties_;
};

}  // namespace varve
