// What every part of the data plane agrees on: kinds of entries, sequences,
// the order of entries, file identities.
//
// Order of entries: key bytes ascending, then trailer descending, so the newest
// version of a key comes first. trailer = sequence << 8 | kind.
// An entry of kind kPutExpiring stores its value as
//   expiresAt u64 (ms since 1970, little-endian) · value bytes
// in memtables, tables and cursors alike.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "core/status.h"

namespace varve {

using Sequence = uint64_t;
// JavaScript's largest safe integer: a sequence crosses the border as a number.
inline constexpr Sequence kSequenceMax = (uint64_t{1} << 53) - 1;

// Operation kinds, in the wal and in tables. Numbers are on disk for ever.
enum class Kind : uint8_t {
  kPut = 1,
  kPutExpiring = 2,
  kTombstone = 3,
  kRangeTombstone = 4,  // key = first key covered, value = end (not covered)
  kExpire = 5,          // a tombstone the writer logs when it sweeps a due entry
};
inline constexpr bool IsKnownKind(uint8_t kind) { return kind >= 1 && kind <= 5; }
inline constexpr bool IsTombstone(Kind kind) {
  return kind == Kind::kTombstone || kind == Kind::kExpire;
}

inline constexpr uint64_t PackTrailer(Sequence sequence, Kind kind) {
  return sequence << 8 | static_cast<uint64_t>(kind);
}
inline constexpr Sequence TrailerSequence(uint64_t trailer) { return trailer >> 8; }
inline constexpr Kind TrailerKind(uint64_t trailer) { return static_cast<Kind>(trailer & 0xff); }
// Seeking (key, SeekTrailer(s)) finds the newest version visible at sequence s.
inline constexpr uint64_t SeekTrailer(Sequence sequence) { return sequence << 8 | 0xff; }

inline constexpr uint64_t kTrailerFirst = ~uint64_t{0};  // sorts before every version of a key
inline constexpr uint64_t kTrailerLast = 0;              // sorts after every version of a key

// <0, 0, >0: order of entries.
inline int CompareEntries(Slice a, uint64_t a_trailer, Slice b, uint64_t b_trailer) {
  if (int order = a.compare(b); order != 0) return order;
  return a_trailer > b_trailer ? -1 : a_trailer < b_trailer ? 1 : 0;
}

// First eight bytes of `key` after `common`, big-endian, padded with zeros: a
// number that orders as the keys do. A key below every key that starts with
// `common` maps to 0, one above them all to the maximum; so for any two keys
// a < b implies KeyPrefix(a) <= KeyPrefix(b), whatever `common` is, and equal
// prefixes say nothing.
inline uint64_t KeyPrefix(Slice key, Slice common) {
  if (!common.empty()) {
    const size_t shared = key.size() < common.size() ? key.size() : common.size();
    const int order = shared == 0 ? 0 : std::memcmp(key.data(), common.data(), shared);
    if (order < 0 || (order == 0 && key.size() < common.size())) return 0;
    if (order > 0) return ~uint64_t{0};
    key.remove_prefix(common.size());
  }
  uint64_t word = 0;
  if (key.size() >= 8) {
    std::memcpy(&word, key.data(), 8);
  } else if (!key.empty()) {
    std::memcpy(&word, key.data(), key.size());
  }
  return __builtin_bswap64(word);
}

// The 128-bit random name of a file, minted by the control plane, kept in its
// header and in the manifest, mixed into each of its checksums.
using FileId = std::array<uint8_t, 16>;

// Entries a lookup found, in the words of the control plane.
struct LookupKey {
  Slice key;                         // stored key: varint space id, then the user's bytes
  uint64_t hash = 0;                 // Hash64(key): filters, hash indexes
  Sequence sequence = kSequenceMax;  // newest sequence that may be seen
};

}  // namespace varve
