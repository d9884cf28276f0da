// Wal: segments of records; the one log of a database, and of Raft. Format: wal_format.h.
//
// 1. Failures. A write or sync error poisons: all later appends, rotations and syncs fail with that
//    first cause, and no file is written or synced again. No space while writing a record seals the
//    segment at its last whole record instead: appends fail with kNoSpace until Rotate to another
//    one. An append that failed is indeterminate: it is not in the log, its index is used again,
//    its sequences are not. No space from a sync poisons (and is then kIoError).
// 2. Evidence. Every record says what was on disk when it was written, which is how replay tells a
//    torn end from damage. Truncation lowers synced_index before anything new is written.
// 3. A segment that an earlier process wrote is read, never written or synced: Restart copies what
//    is not known to be on disk into a new one.
//
// Thread safety: Append, SetHardState, MarkSynced, Rotate, Restart, TruncateAfter and DropBefore by
// one thread at a time; Sync from another, one at a time; everything else from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/log_index.h"
#include "core/memtable.h"
#include "core/wal_format.h"
#include "core/wal_operations.h"
#include "core/wal_segment.h"

namespace varve {

// A log as replay found it: what a Wal goes on from. The default is that of a new database.
struct LogState {
  LogState() = default;
  // An empty log that begins after `position`, all of which is on disk elsewhere.
  LogState(const LogPosition& position, std::string membership);

  LogPosition position;  // of the last entry; its sequence includes skipped ones
  HardState hard_state;
  uint64_t synced_index = 0;  // entries up to it are on disk for certain
  SegmentEnd end;             // where the log's last segment ends
  LogIndex index;
  std::vector<std::shared_ptr<WalSegment>> segments;  // by slot
};

struct EntryToAppend {
  RecordKind kind = RecordKind::kBatches;
  uint64_t term = 1;
  uint64_t time_ms = 0;  // raised to the previous entry's
  uint32_t count = 0;
  uint64_t index = 0;           // 0: the next one; at or below the last: supersedes
  Sequence first_sequence = 0;  // 0: the next one; above it: skips (an entry of another's log)
};

class Wal {
 public:
  explicit Wal(LogState state);
  ~Wal();
  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;

  // Begins `segment` at this log's position: its header is written, records go to it from now on.
  // kNoSpace: nothing changed, but `segment` is spent.
  Status Rotate(std::shared_ptr<WalSegment> segment, const SegmentIdentity& identity);
  // The first rotation after replay, and the only one that syncs: the entries above
  // max(synced_index, flushed_index) are copied into the segment and synced, then its header. When
  // it returns ok all of the log is on disk and may be answered for; when it fails this Wal is of
  // no further use, and the files are as good as they were.
  // *superfluous: segments that the new one takes the place of. They, and those that replay found
  // unused, are to be removed, not recycled.
  Status Restart(std::shared_ptr<WalSegment> segment, const SegmentIdentity& identity,
                 uint64_t flushed_index, std::vector<std::string>* superfluous);

  // Appends one entry. `frame` has kRecordHeaderBytes of room, then the payload, then room for
  // padding up to 8 bytes: the header is filled in place and everything is one write.
  Status Append(const EntryToAppend& entry, char* frame, size_t payload_bytes);
  // Logs term, vote and commit; durable after the next Sync.
  Status SetHardState(const HardState& hard_state);
  // Logs that everything is synced, if that is so and not the last thing logged.
  Status MarkSynced();

  // Makes everything appended before the call durable (its segments in order) and then raises
  // synced_index. Nothing to sync: returns at once. Any error poisons.
  Status Sync();
  // Anything appended, but sync marks, that no Sync has covered.
  bool needs_sync() const;

  LogPosition position() const;  // of the last entry
  HardState hard_state() const;
  std::string membership(uint64_t* index) const;  // the last one in the log, and its entry's index
  uint64_t last_index() const { return last_index_.load(std::memory_order_acquire); }
  uint64_t synced_index() const { return synced_index_.load(std::memory_order_acquire); }
  uint64_t first_index() const;  // last_index + 1 when there are no entries
  // Of entries, and of first_index - 1; kNotFound otherwise.
  Status Term(uint64_t index, uint64_t* term) const;

  // Whole records of entries from `from` on, as they lie in the file (header and padded payload),
  // at least one, at most bytes_max. Their checksums were verified.
  Status Read(uint64_t from, uint64_t bytes_max, std::string* records) const;
  // Applies entries [from, to], stopping early once bytes_max of records were read; *applied is the
  // position of the last one applied.
  Status Apply(uint64_t from, uint64_t to, uint64_t bytes_max, Memtable* memtable,
               LogPosition* applied) const;

  // Forgets entries after `index`. Only the next append makes that durable.
  Status TruncateAfter(uint64_t index);
  // Forgets everything, to go on from `position` after a Rotate: a snapshot took the log's place.
  void Reset(const LogPosition& position, std::string membership);
  // Drops the leading segments that hold nothing above `index`, and that a synced one follows, and
  // gives their paths; the caller removes or recycles the files, once no Read is under way.
  // REQUIRES: what is at or below `index` is on disk elsewhere, as replay's flushed position will
  // say.
  std::vector<std::string> DropBefore(uint64_t index);

  Status poison() const;           // the first cause; ok while there is none
  Status sealed() const;           // why appends wait for a Rotate; ok when they do not
  uint64_t segment_bytes() const;  // of the active segment
  uint64_t bytes_appended() const { return bytes_appended_.load(std::memory_order_relaxed); }
  uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }

 private:
  struct PlacedEntry {
    std::shared_ptr<WalSegment> segment;
    uint64_t offset;
  };
  using EntryVisitor = std::function<Status(const RecordHeader&, Slice record, bool* go_on)>;

  Status CheckNext(const WalSegment& segment, const SegmentIdentity& identity) const;
  Status WriteHeader(WalSegment* segment);
  Status SyncSegment(WalSegment* segment);
  void Activate(std::shared_ptr<WalSegment> segment);
  SegmentHeader NextHeader(const SegmentIdentity& identity) const;
  Status CheckEntry(const EntryToAppend& entry, size_t payload_bytes, RecordHeader* header,
                    LogPosition* before) const;
  RecordHeader MarkHeader(RecordKind kind, size_t payload_bytes) const;
  Status WriteRecord(RecordHeader* header, char* frame, uint64_t* offset);
  void NoteWritten(uint64_t bytes, bool worth_syncing);
  void LowerLast(const LogPosition& last);
  Status Poison(Status cause);

  std::vector<PlacedEntry> Locate(uint64_t from, uint64_t to) const;
  Status Visit(uint64_t from, uint64_t to, size_t window_bytes, const EntryVisitor& visitor) const;
  Status PositionAt(uint64_t index, LogPosition* position) const;
  Status EndAfter(uint64_t index, SegmentEnd* end) const;
  Status ForgetTail(uint64_t index, std::vector<PlacedEntry>* tail,
                    std::vector<std::string>* superfluous);
  Status CopyEntries(const std::vector<PlacedEntry>& entries);

  mutable std::mutex mutex_;
  // Written by the appending thread under the mutex; it reads them without.
  LogPosition position_;
  HardState hard_state_;
  LogIndex index_;
  std::map<uint32_t, std::shared_ptr<WalSegment>> segments_;  // by slot, those still needed
  std::shared_ptr<WalSegment> active_;  // the last one, once this Wal has begun one
  uint32_t slot_ = 0;                   // its slot
  SegmentEnd end_;                      // of the log, until then
  Status sealed_;
  bool restarted_ = false;
  bool marked_ = false;  // the last record is a sync mark

  Status poison_;  // under the mutex
  std::atomic<bool> poisoned_{false};
  uint64_t sync_target_ = 0;  // of the Sync under way, lowered by truncation; under the mutex
  std::atomic<uint64_t> last_index_{0}, synced_index_{0}, bytes_appended_{0}, syncs_{0};
};

}  // namespace varve
