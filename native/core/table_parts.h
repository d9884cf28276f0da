// TableParts: where the blocks and sections of a table lie, for tables that are damaged.
//
// What header, footer, directory and index say is believed where their checksums hold. Where they
// do not, the parts are found by their own checksums: of all ends that a part might have, the one
// after which its checksum stands is its end, and the next part begins there. Behind a damaged
// block the search goes on at the next place that looks like the start of one, and is one.
// Thread safety: one thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/block.h"
#include "core/crc32c.h"
#include "core/file.h"
#include "core/range_tombstones.h"
#include "core/table_format.h"
#include "core/table_index.h"
#include "core/table_layout.h"

namespace varve {

// The identity that header or footer carry, the header's first; kCorruption when neither is whole.
Status IdentifyTable(const File& file, FileId* id);

class TableParts {
 public:
  // A block, or bytes where one or more must have been. Bounds: what its keys lie between, both
  // inclusive, as far as an index tells.
  struct Part {
    uint64_t offset = 0, bytes = 0;
    bool is_lost = false;
    bool has_first = false, has_last = false;
    std::string first, last;
  };

  TableParts(const File* file, const FileId& id, const std::atomic<bool>* cancelled)
      : file_(file), id_(id), seed_(id), cancelled_(cancelled) {}

  // Not ok: it is another table's file, was cancelled, or cannot be read at all.
  Status Locate();

  // In the order of the file.
  const std::vector<Part>& parts() const { return parts_; }
  // The block at a part; false: its bytes are not what was written, or cannot be read.
  bool Read(const Part& part, Block* block) const;

  bool has_properties() const { return has_properties_; }
  const TableProperties& properties() const { return properties_; }
  const RangeTombstones& ranges() const { return ranges_; }
  // Range tombstones that the table has, or may have, could not be read.
  bool ranges_lost() const { return ranges_lost_; }

 private:
  Status CheckIsOurs() const;
  bool IsCancelled() const { return cancelled_->load(std::memory_order_relaxed); }
  void TakeSections();
  void TakeIndex(int number);
  Status ScanBlocks(uint64_t limit, bool stops_at_sections, uint64_t* end);
  void ScanSections(uint64_t offset);
  // The first whole block that begins at or after `offset`; false: there is none.
  Status Resync(uint64_t offset, uint64_t limit, Part* found, bool* is_found) const;
  // The block that begins at part->offset, wherever before `limit` it ends.
  bool FindBlock(uint64_t limit, Part* part) const;
  // Whether the index section begins there.
  bool IsIndex(uint64_t offset) const;
  // Where a part of this kind that begins at `offset` has its checksum, beyond *end; false:
  // nowhere before `limit`.
  bool FindEnd(uint8_t kind, uint64_t offset, uint64_t limit, uint64_t* end) const;
  bool ReadBytes(uint64_t offset, size_t size, char* to) const;

  const File* const file_;
  const FileId id_;
  const crc32c::Seed seed_;
  const std::atomic<bool>* const cancelled_;
  uint64_t file_bytes_ = 0;
  TableLayout layout_;
  std::vector<Part> parts_;
  TableProperties properties_;
  bool has_properties_ = false;
  RangeTombstones ranges_;
  bool ranges_lost_ = false;
};

}  // namespace varve
