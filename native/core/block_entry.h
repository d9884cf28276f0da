// BlockEntry: one entry of a block as it lies there, and the order of a run of entries
// with regard to a target. What the sides of block.h share; nobody else needs it.
//
// Bytes come from a disk: decoding never looks beyond the end it is given.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/block.h"
#include "core/coding.h"

namespace varve {

inline constexpr size_t kEntryTrailerBytes = 8;

inline size_t CommonLength(const char* a, const char* b, size_t limit) {
  size_t length = 0;
  for (; limit - length >= 8; length += 8) {
    const uint64_t difference = DecodeFixed64(a + length) ^ DecodeFixed64(b + length);
    if (difference != 0) return length + static_cast<size_t>(__builtin_ctzll(difference)) / 8;
  }
  while (length < limit && a[length] == b[length]) ++length;
  return length;
}

struct BlockEntry {
  uint32_t shared = 0;
  uint32_t unshared = 0;
  const char* suffix = nullptr;
  uint64_t trailer = 0;
  Slice value;
};

// One past the entry, or nullptr: damaged.
inline const char* DecodeEntry(const char* from, const char* end, BlockEntry* entry) {
  uint32_t value_size = 0;
  if (end - from >= 3 && ((from[0] | from[1] | from[2]) & 0x80) == 0) {
    entry->shared = static_cast<uint8_t>(from[0]);
    entry->unshared = static_cast<uint8_t>(from[1]);
    value_size = static_cast<uint8_t>(from[2]);
    from += 3;
  } else {
    from = GetVarint32(from, end, &entry->shared);
    if (from != nullptr) from = GetVarint32(from, end, &entry->unshared);
    if (from != nullptr) from = GetVarint32(from, end, &value_size);
    if (from == nullptr) return nullptr;
  }
  const uint64_t size = uint64_t{entry->unshared} + kEntryTrailerBytes + value_size;
  if (size > static_cast<uint64_t>(end - from)) return nullptr;
  entry->suffix = from;
  from += entry->unshared;
  entry->trailer = DecodeFixed64(from);
  from += kEntryTrailerBytes;
  entry->value = Slice(from, value_size);
  return from + value_size;
}

// Compares entry after entry with one target by their suffixes alone: how much the entry
// before had in common with the target says what the shared bytes are worth.
class RunningOrder {
 public:
  RunningOrder(Slice key, uint64_t trailer) : key_(key), trailer_(trailer) {}

  // False: damaged, the entry before has fewer bytes than this one shares.
  bool Follows(const BlockEntry& entry) const { return entry.shared <= size_; }

  // <0, 0, >0: `entry` with regard to the target.
  // REQUIRES: Follows(entry), and each entry before was below the target.
  int Compare(const BlockEntry& entry) {
    size_ = entry.shared + entry.unshared;
    same_key_ = false;
    // It shares the very byte that put the entry before below the target.
    if (entry.shared > matched_) return -1;
    const size_t rest = key_.size() - entry.shared;
    const size_t limit = std::min<size_t>(entry.unshared, rest);
    const char* const target = key_.data() + entry.shared;
    const size_t common = CommonLength(entry.suffix, target, limit);
    matched_ = entry.shared + common;
    if (common < limit) {
      const auto mine = static_cast<uint8_t>(entry.suffix[common]);
      return mine < static_cast<uint8_t>(target[common]) ? -1 : 1;
    }
    if (entry.unshared != rest) return entry.unshared < rest ? -1 : 1;
    same_key_ = true;
    return entry.trailer > trailer_ ? -1 : entry.trailer < trailer_ ? 1 : 0;
  }

  bool same_key() const { return same_key_; }  // of the last entry compared

 private:
  const Slice key_;
  const uint64_t trailer_;
  size_t matched_ = 0;
  uint32_t size_ = 0;
  bool same_key_ = false;
};

// The last restart whose entry is < (key, trailer), or 0. False: damaged.
// REQUIRES: the block has restarts.
bool FindRestart(const Block& block, Slice key, uint64_t trailer, uint32_t* restart);

}  // namespace varve
