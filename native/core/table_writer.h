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
#include "core/crc32c.h"
#include "core/file.h"
#include "core/filter.h"
#include "core/range_tombstones.h"
#include "core/table_format.h"
#include "core/table_index.h"
#include "core/table_layout.h"

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
  // Something was added that is kept only for snapshots up to this one (see TableProperties).
  void NoteHeldFor(Sequence snapshot);
  // Set once, before Finish: the range tombstones of this table, truncated to its bounds.
  void SetRangeTombstones(RangeTombstones tombstones);
  // Sections, footer, sync of the file (not of its directory).
  Status Finish();

  uint64_t file_bytes_estimate() const;
  uint64_t entries() const { return properties_.entries; }
  const TableProperties& properties() const { return properties_; }  // complete after Finish

 private:
  Status Check(Slice key, uint64_t trailer, Slice value) const;
  void Count(Slice key, uint64_t trailer, Slice value);
  void CountSequence(Sequence sequence);
  void CountRanges();
  void SetBounds();
  void CutBlock();
  void Separate(Slice key);
  void AddSection(const char* name, uint8_t flags, std::string bytes);
  void AddProperties();
  void FinishFile();
  void Write(Slice bytes);
  void WriteOut();

  TableOptions options_;
  std::unique_ptr<File> file_;
  FileId id_;
  crc32c::Seed seed_;
  TableProperties properties_;
  Status status_;

  BlockBuilder block_;
  TableIndexBuilder index_;
  FilterBuilder filter_;
  RangeTombstones ranges_;
  TableLayout layout_;
  // The block cut last, whose separator waits for the next key.
  bool has_cut_ = false;
  uint64_t cut_offset_ = 0, cut_trailer_ = 0;
  std::string cut_key_;
  std::string buffer_;         // not yet in the file
  uint64_t written_ = 0;       // bytes in the file
  uint64_t written_back_ = 0;  // … whose write-back was started
  std::string scratch_;        // a block with its trailer
};

}  // namespace varve
