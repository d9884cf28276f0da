// Wal: segments of records; the one log of a database, and of Raft.
//
// Segment: header (128 bytes + membership), then records, each aligned to 8.
//   header  magic "VARVEWAL" · fixed32 formatVersion (1) · fixed32 header bytes (multiple of 8) ·
//           file id [16] · fixed64 life id · fixed64 segment number ·
//           fixed64 previous index · fixed64 previous term · fixed64 previous sequence (the last
//           one used before this segment) · fixed64 previous timeMs · fixed64 synced index ·
//           hard state: fixed64 term · fixed64 vote · fixed32 membership bytes · zero [4] ·
//           fixed32 crc over header (this field as zero) and membership · zero [4] · membership · pad
//   record  64 bytes: fixed32 payload bytes · fixed32 crc over the 56 bytes that follow and the payload ·
//           u8 kind · u8 formatVersion (1) · fixed16 group (0) · fixed32 count ·
//           fixed64 life id · fixed64 term · fixed64 index · fixed64 first sequence · fixed64 timeMs ·
//           fixed64 synced index; then the payload, zero padded to 8
//   payload of kBatches: batch* ; batch: fixed32 bytes of operations · fixed32 operations · operation*
//   operation: u8 kind · varint32 key bytes · key · [kPutExpiring, kExpire: fixed64 expiresAt] ·
//           [kPut, kPutExpiring, kRangeTombstone: varint32 value bytes · value]
//   payload of kHardState: fixed64 term · fixed64 vote.  kMembership: opaque.  kNoop, kSyncMark: empty.
//
// kBatches, kNoop and kMembership are log entries: they have consecutive indexes, and an index at or below
// the last one supersedes that entry and all after it. kHardState and kSyncMark carry
// the last index and are no entries. firstSequence = previous firstSequence + previous count
// (checked at append); count is the number of operations (0 for other kinds).
// A sync mark with synced index s says that everything up to s was on disk when it was written.
//
// Thread safety: appends, rotation and truncation by one thread at a time; SyncTo from the
// sync thread; last_*, synced_index from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/format.h"
#include "core/memtable.h"

namespace varve {

enum class RecordKind : uint8_t { kBatches = 1, kNoop = 2, kHardState = 3, kMembership = 4, kSyncMark = 5 };

inline constexpr size_t kRecordHeaderBytes = 64;
inline constexpr uint32_t kWalFormatVersion = 1;
inline constexpr uint64_t kRecordPayloadBytesMax = (uint64_t{1} << 30) + (1 << 20);

struct RecordHeader {
  uint32_t payload_bytes = 0;
  RecordKind kind = RecordKind::kNoop;
  uint32_t count = 0;
  uint64_t life = 0, term = 0, index = 0, first_sequence = 0, time_ms = 0, synced_index = 0;
};

// Position of a log: what the next record follows.
struct LogPosition {
  uint64_t index = 0, term = 0, sequence = 0, time_ms = 0;
};

struct HardState {
  uint64_t term = 0, vote = 0;
};

struct SegmentHeader {
  FileId id{};
  uint64_t life = 0, number = 0;
  LogPosition previous;
  uint64_t synced_index = 0;
  HardState hard_state;
  std::string membership;
};

// Calls `operation` for each operation of a kBatches payload, in order; false from it stops.
// kCorruption/kUnsupported for bytes that are no operations.
struct Operation { Kind kind; Slice key, value; uint64_t expires_at; };
Status ForEachOperation(Slice payload, const std::function<Status(const Operation&)>& operation);

// Applies a kBatches payload: operation i gets first_sequence + i.
Status ApplyBatches(Slice payload, Sequence first_sequence, Memtable* memtable);

// One open segment that records are appended to.
class WalSegment {
 public:
  // Creates (exclusive), reserves `reserve_bytes` and syncs the file; the caller syncs the directory.
  // It cannot be appended to before Begin.
  static Status Create(FileSystem* fs, const std::string& path, uint64_t reserve_bytes, std::shared_ptr<WalSegment>* segment);
  // Opens an old segment to be used again: its bytes stay until they are overwritten.
  static Status Recycle(FileSystem* fs, const std::string& path, std::shared_ptr<WalSegment>* segment);
  // Writes the header: records may follow. (The header is synced with the first sync.)
  Status Begin(const SegmentHeader& header);

  uint64_t bytes() const { return end_.load(std::memory_order_relaxed); }  // header and records
  const SegmentHeader& header() const { return header_; }
  const std::string& path() const { return file_->path(); }

 private:
  friend class Wal;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::atomic<uint64_t> end_{0};
  // …implementation's own: offsets of records for Read and TruncateAfter
};

class Wal {
 public:
  explicit Wal(LogPosition position, HardState hard_state, uint64_t synced_index);
  ~Wal();

  // Records go to `segment` from now on. REQUIRES: it begins at this log's position. Segments before
  // it are synced with the next sync, before it.
  void Activate(std::shared_ptr<WalSegment> segment);

  // Appends one record. `frame` has kRecordHeaderBytes of room, then the payload, then room for padding
  // up to 8 bytes: the header is filled in place and everything is one pwrite.
  // Entry kinds get index last + 1 (or `index` <= last: supersedes), others the last index.
  // Any error poisons the wal: all later appends fail with it. kNoSpace does not poison, but seals the
  // segment: appends fail until another one is activated. On failure nothing was appended; its
  // sequences are not used again: position().sequence still moves on.
  Status Append(RecordKind kind, uint64_t term, uint64_t time_ms, uint32_t count, char* frame, size_t payload_bytes);

  // Makes everything appended before the call durable (all active segments, in order) and then
  // raises synced_index. At most one at a time. An error poisons.
  Status Sync();

  LogPosition position() const;  // of the last record appended
  uint64_t last_index() const { return last_index_.load(std::memory_order_acquire); }
  uint64_t synced_index() const { return synced_index_.load(std::memory_order_acquire); }
  uint64_t first_index() const;
  Status Term(uint64_t index, uint64_t* term) const;
  // Whole records of entries from `from` on, as they lie in the file (header and padded payload), at
  // least one, at most bytes_max.
  Status Read(uint64_t from, uint64_t bytes_max, std::string* records) const;
  // Forgets entries after `index` (the next append supersedes them on disk).
  Status TruncateAfter(uint64_t index);
  // Drops segments all of whose entries are <= index from memory and gives their paths; the caller removes the files.
  std::vector<std::string> DropBefore(uint64_t index);
  Status poison() const;

  uint64_t bytes_appended() const { return bytes_appended_.load(std::memory_order_relaxed); }
  uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

 private:
  // …implementation's own
  std::atomic<uint64_t> last_index_{0}, synced_index_{0}, bytes_appended_{0}, syncs_{0};
};

// Reads segments back, in order of number, at open.
struct ReplayOptions {
  std::vector<std::string> segments;   // paths, in order
  std::vector<FileId> ids;             // what the manifest or header says; empty id = take the header's word
  uint64_t flushed_index = 0;          // records at or below are read but not applied
  uint64_t synced_index = 0;           // known from the manifest
  Sequence flushed_sequence = 0;
};

struct ReplayResult {
  LogPosition position;                // of the last accepted record
  HardState hard_state;
  std::string membership;
  uint64_t first_index = 0;            // of the first accepted entry
  uint64_t synced_index = 0;           // highest one recorded anywhere accepted
  uint64_t records = 0, operations = 0, bytes = 0;
  // Where replay stopped short of the end: file and offset of the first record that was cut ("" if none).
  std::string cut_file;
  uint64_t cut_offset = 0;
  std::string cut_reason;
};

// Applies what is above flushed_index to `memtable` (may be null) and hands every accepted record (header
// and padded payload) above flushed_index to `record` (may be empty). Stops at the first invalid or
// non-consecutive record; if a later valid record of the same life, or options.synced_index, says that
// it had been synced, fails with kCorruption naming file and offset; otherwise everything from it on is cut.
// A missing or alien first segment whose previous index is above flushed_index is kCorruption.
Status ReplayWal(FileSystem* fs, const ReplayOptions& options, Memtable* memtable,
                 const std::function<Status(Slice record, const RecordHeader& header)>& record, ReplayResult* result);

// One text line per record, for `inspect wal`.
Status DescribeSegment(FileSystem* fs, const std::string& path, const std::function<void(const std::string&)>& line);

}  // namespace varve
