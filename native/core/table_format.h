// The table file (.sst): a sorted, immutable file of entries.
//
//   header     64 bytes: magic "VARVESST" · fixed32 formatVersion (1) · fixed32 zero ·
//              file id [16] · zero [28] · fixed32 crc of the 60 bytes before (kind kHeader, offset
//              0)
//   block*     contents · u8 compression (0 none) · fixed32 crc over contents and
//              compression byte (kind kBlock, offset of the block)
//   section*   bytes · fixed32 crc (kind kSection + section number, offset of the section)
//   directory  fixed32 count, then per section: length-prefixed name · u8 flags (1 = required)
//              · fixed64 offset · fixed64 size (without crc); then fixed32 crc (kind kDirectory)
//   footer     64 bytes: fixed64 directory offset · fixed64 directory size (without crc) ·
//              fixed64 file size · file id [16] · fixed32 formatVersion · zero [8] ·
//              fixed32 crc of the 52 bytes before (kind kFooter, offset of the footer)
//              · magic "TSSEVRAV"
//
// Sections of version 1 (an unknown required one refuses to open; an unknown
// optional one is ignored):
//   "index"   required  see below
//   "filter"  optional  filter.h
//   "ranges"  required when present: range_tombstones.h
//   "props"   required  see TableProperties
//
// Index section: fixed32 blocks n · length-prefixed common start of all separators ·
// pad to 8 bytes from the section's start · n × fixed64 KeyPrefix(separator key, common) ·
// (n+1) × fixed64 block offsets (the last one is the end of the last block) ·
// (n+1) × fixed32 offsets into the bytes that follow · separator bytes (key, then fixed64 trailer).
// Separator i is >= the last entry of block i and < the first entry of block i + 1. It
// is used as it lies: loading an index is one read and one checksum.
#pragma once

#include <cstdint>
#include <string>

#include "core/crc32c.h"
#include "core/format.h"

namespace varve {

inline constexpr char kTableMagic[] = "VARVESST";
inline constexpr char kTableEndMagic[] = "TSSEVRAV";
inline constexpr uint32_t kTableFormatVersion = 1;
inline constexpr size_t kTableHeaderBytes = 64;
inline constexpr size_t kTableFooterBytes = 64;
inline constexpr size_t kBlockTrailerBytes = 5;

enum class TablePart : uint8_t {
  kHeader = 1,
  kBlock = 2,
  kDirectory = 3,
  kFooter = 4,
  kSection = 16
};

// Counted while writing, kept in the "props" section as
//   varint64 number of fields, then per field: length-prefixed name · varint64 value,
//   then the same for byte strings (name, length-prefixed bytes).
// Names are the member names below; unknown names are ignored, absent ones are zero.
struct TableProperties {
  uint64_t entries = 0;           // all versions, tombstones included, ranges not
  uint64_t tombstones = 0;        // point tombstones (kTombstone, kExpire)
  uint64_t range_tombstones = 0;  // fragments × sequences
  uint64_t expiring = 0;          // entries of kind kPutExpiring
  uint64_t expires_first_ms = 0;  // earliest and latest expiresAt among them
  uint64_t expires_last_ms = 0;
  uint64_t sequence_first = 0;  // lowest and highest sequence in the table
  uint64_t sequence_last = 0;
  // The newest snapshot but for which some entry or range tombstone here would be gone: 0 if all
  // would stay. Once every live snapshot is newer, a merge of the table frees them.
  uint64_t snapshot_sequence_last = 0;
  uint64_t key_bytes = 0, value_bytes = 0;  // raw sizes, all entries
  uint64_t data_bytes = 0, index_bytes = 0, filter_bytes = 0, file_bytes = 0;
  uint64_t blocks = 0;
  std::string key_first, key_last;  // bounds, range tombstones included; key_last inclusive …
  // … but when the last bound comes from a range tombstone's end it is not itself in
  // the table (bound_is_range_end = 1), so tables that touch there do not overlap.
  uint64_t bound_is_range_end = 0;
};

std::string EncodeProperties(const TableProperties& properties);
Status DecodeProperties(Slice input, TableProperties* properties);

}  // namespace varve
