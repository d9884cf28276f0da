// The index of a table (table_format.h has its bytes): from a key to the block that may
// hold it. Used as it lies in memory, which the reader pins.
//
// Thread safety: a TableIndex is immutable once parsed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/format.h"

namespace varve {

// The shortest key >= `last` and < `next`. REQUIRES: last < next.
std::string ShortestSeparator(Slice last, Slice next);

class TableIndexBuilder {
 public:
  // A block at `offset` whose separator is (key, trailer).
  void Add(uint64_t offset, Slice key, uint64_t trailer);
  // kTooLarge when the separators do not fit the format.
  Status Finish(uint64_t data_end, std::string* section);
  size_t SizeEstimate() const;

 private:
  std::vector<uint64_t> offsets_;
  std::vector<size_t> ends_;  // of each separator's bytes
  std::string separators_;
};

class TableIndex {
 public:
  // `section` must outlive the index and start on an 8-byte border. Every block lies within
  // [data_start, data_end), one after the other, without gaps.
  static Status Parse(Slice section, uint64_t data_start, uint64_t data_end, TableIndex* index);

  uint32_t blocks() const { return blocks_; }
  uint64_t block_offset(uint32_t block) const { return offsets_[block]; }  // blocks(): the end
  size_t block_bytes(uint32_t block) const { return offsets_[block + 1] - offsets_[block]; }
  Slice separator_key(uint32_t block) const {
    const uint32_t start = ends_[block];
    return Slice(separators_ + start, ends_[block + 1] - start - sizeof(uint64_t));
  }
  uint64_t separator_trailer(uint32_t block) const;
  // First block whose separator is >= (key, trailer): blocks() when there is none.
  uint32_t Find(Slice key, uint64_t trailer) const;
  // Whether separators ascend and agree with the prefixes: O(n), for verification.
  Status Check() const;

 private:
  int Compare(uint32_t block, Slice key, uint64_t trailer) const {
    return CompareEntries(separator_key(block), separator_trailer(block), key, trailer);
  }

  uint32_t blocks_ = 0;
  Slice common_;
  const uint64_t* prefixes_ = nullptr;
  const uint64_t* offsets_ = nullptr;
  const uint32_t* ends_ = nullptr;
  const char* separators_ = nullptr;
};

}  // namespace varve
