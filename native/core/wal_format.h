// Format of the wal: what a segment file holds, byte for byte.
//
// segment  header, then records, each aligned to 8
// header   magic "VARVEWAL" · fixed32 crc over all header bytes that follow ·
//          fixed32 formatVersion (1) · fixed32 header bytes (a multiple of 8) ·
//          fixed32 membership bytes · file id [16] · fixed64 life id · fixed64 segment number ·
//          what the segment follows: fixed64 index · fixed64 term · fixed64 sequence (the last one
//          used) · fixed64 timeMs · fixed64 synced index · hard state: fixed64 term · fixed64 vote
//          · fixed64 commit · the segment before it: fixed64 number (0: none) · fixed64 end ·
//          fixed64 synced bytes · membership · zeros to a multiple of 8
// record   fixed32 crc over all that follows, the payload included, its padding not ·
//          fixed32 payload bytes · u8 kind · u8 formatVersion (1) · fixed16 group (0) ·
//          fixed32 count · fixed64 life id · fixed64 term · fixed64 index ·
//          fixed64 first sequence · fixed64 timeMs · fixed64 synced index ·
//          fixed64 synced bytes; then the payload, zero padded to 8
// payload  kBatches: batch*   kHardState: fixed64 term · fixed64 vote · fixed64 commit
//          kMembership: opaque
//          kNoop, kSyncMark: empty
// batch    fixed32 bytes of operations · fixed32 operations · operation*
// operation  u8 kind · varint32 key bytes · key · [kPutExpiring, kExpire: fixed64 expiresAt] ·
//          [kPut, kPutExpiring, kRangeTombstone: varint32 value bytes · value]
//
// Example: the batch {put "a" = "1", tombstone "b"} is
//   08 00 00 00 · 02 00 00 00 · 01 01 'a' 01 '1' · 03 01 'b'
// Keys are stored keys: a varint space id, then the user's bytes. A range tombstone's key is the
// first key covered and its value the first key not covered, both stored keys; without an end of
// the user's it is the space's: its varint, the last byte one higher. {range tombstone of space 1
// from "a" to "c", from "x" on} is
//   0d 00 00 00 · 02 00 00 00 · 04 02 01 'a' 02 01 'c' · 04 02 01 'x' 01 02
//
// 1. kBatches, kNoop and kMembership are entries of the log: their indexes are consecutive, and an
//    index at or below the last one supersedes that entry and all after it.
// 2. kHardState and kSyncMark are no entries; they carry the last entry's index and term.
// 3. count is the number of operations (0 for other kinds); operation i has sequence first
//    sequence + i. Within the log first sequence >= the previous entry's first sequence + count.
//    It is equal but after a write that failed for want of space: its sequences are skipped. A
//    segment that begins after one carries the skip in its header's sequence.
// 4. `synced index`: all entries up to it were on disk when this was written, here or in tables.
//    `synced bytes`: so were this segment below that offset and, unless it is 0, all entries before
//    this segment that it follows. Both only claim what is certain.
// 5. A segment's header names the segment it follows and where that one ended; what stands there
//    at or after that end is no part of the log, nor are segments between the two. An entry of the
//    segment before, above the header's index, stays until a record of this one supersedes it.
// 6. The life id tells a segment's records from those of the file's former uses. A recycled segment
//    that has not begun still shows the header of its former use, under a smaller number.
// 7. Recovery copies the entries that are not known to be on disk into a new segment and writes its
//    header last, once they are synced: it follows the segment of the last entry before them, and
//    with its header it takes the place of all after that.
#pragma once

#include <cstdint>
#include <string>

#include "core/format.h"
#include "core/status.h"

namespace varve {

enum class RecordKind : uint8_t {
  kBatches = 1,
  kNoop = 2,
  kHardState = 3,
  kMembership = 4,
  kSyncMark = 5,
};
inline constexpr bool IsEntry(RecordKind kind) {
  return kind == RecordKind::kBatches || kind == RecordKind::kNoop ||
         kind == RecordKind::kMembership;
}

inline constexpr size_t kRecordHeaderBytes = 72;
inline constexpr size_t kRecordAlignment = 8;
inline constexpr size_t kHardStateBytes = 24;
inline constexpr uint8_t kRecordFormatVersion = 1;
inline constexpr uint32_t kWalFormatVersion = 1;
inline constexpr uint64_t kRecordPayloadBytesMax = (uint64_t{1} << 30) + (1 << 20);
inline constexpr size_t kMembershipBytesMax = 256 << 10;
inline constexpr size_t kKeyBytesMax = 65535 + 10;  // the user's, after its space's varint
inline constexpr size_t kValueBytesMax = size_t{1} << 30;

// Position of a log: what the next record follows. `sequence` is the last one used.
struct LogPosition {
  uint64_t index = 0, term = 0, sequence = 0, time_ms = 0;
};

// `commit`: entries up to it are committed; there may be more.
struct HardState {
  uint64_t term = 0, vote = 0, commit = 0;
};

struct RecordHeader {
  uint32_t payload_bytes = 0;
  RecordKind kind = RecordKind::kNoop;
  uint32_t count = 0;
  uint64_t life = 0, term = 0, index = 0, first_sequence = 0, time_ms = 0;
  uint64_t synced_index = 0, synced_bytes = 0;

  bool is_entry() const { return IsEntry(kind); }
  Sequence last_sequence() const { return first_sequence + count - 1; }
  LogPosition position() const { return {index, term, last_sequence(), time_ms}; }
};

// The one segment that another follows: where it ended, and what of it was certainly on disk.
struct SegmentEnd {
  uint64_t number = 0, end = 0, synced_bytes = 0;
};

// What the control plane mints for a segment. A recycled file gets a new life and number.
struct SegmentIdentity {
  FileId id{};
  uint64_t life = 0;  // random, not 0
  uint64_t number = 0;
};

struct SegmentHeader {
  SegmentIdentity identity;
  LogPosition previous;
  uint64_t synced_index = 0;
  HardState hard_state;
  SegmentEnd follows;
  std::string membership;
};

inline constexpr uint64_t PaddedPayload(uint64_t payload_bytes) {
  return (payload_bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}
inline constexpr uint64_t RecordBytes(uint64_t payload_bytes) {
  return kRecordHeaderBytes + PaddedPayload(payload_bytes);
}

// Fills the header before the payload that stands at frame + kRecordHeaderBytes, its checksum and
// the zero padding after it.
void SealRecord(const RecordHeader& header, char* frame);
// Fields as they stand, unchecked; `from` holds kRecordHeaderBytes.
RecordHeader DecodeRecordHeader(const char* from);
uint32_t RecordCrc(const char* from);
// The checksum a record with this header and payload should have; the second form goes on with
// more of the payload.
uint32_t ComputeRecordCrc(const char* header, Slice payload);
// kUnsupported when the record, whose checksum is right, is of a kind or version not known here.
Status CheckRecordKnown(const char* header);
bool DecodeHardState(Slice payload, HardState* hard_state);

std::string EncodeSegmentHeader(const SegmentHeader& header);

enum class HeaderState : uint8_t {
  kValid,
  kBlank,    // nothing was ever written
  kInvalid,  // torn or damaged
};
// First bytes of every header, enough for ClaimedHeaderBytes.
inline constexpr size_t kSegmentHeaderFixedBytes = 144;
inline constexpr size_t kSegmentHeaderBytesMax = kSegmentHeaderFixedBytes + kMembershipBytesMax;
inline uint64_t SegmentHeaderBytes(const SegmentHeader& header) {
  return kSegmentHeaderFixedBytes + PaddedPayload(header.membership.size());
}
// Bytes the header whose fixed part this is claims to have; 0 when it is none.
uint64_t ClaimedHeaderBytes(Slice fixed);
// `bytes` is the whole header. kUnsupported for a valid header of a newer format.
Status DecodeSegmentHeader(Slice bytes, SegmentHeader* header, HeaderState* state);

}  // namespace varve
