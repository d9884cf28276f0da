// ReplayedLog: the log as records are accepted into it, one after the other.
//
// Two positions: the writer's (`cursor`: what its next record had to follow) and the log's own end.
// They differ while nothing has superseded what the writer truncated before it began a segment.
// Thread safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/wal.h"

namespace varve {

class ReplayedLog {
 public:
  explicit ReplayedLog(const LogPosition& flushed) : flushed_(flushed) {}

  // A begun segment. False, and nothing changed: it does not go on from a position of this log, nor
  // from one that is in tables. REQUIRES: file outlives this.
  bool Begin(const SegmentHeader& header, const File* file);
  // A valid record of that segment. !*follows, and nothing changed: it does not go on from the
  // last.
  Status Accept(const RecordHeader& header, Slice payload, uint64_t offset, bool* follows);

  // All records are in. Entries up to the flushed position that the log lacks are in tables.
  void Finish(const std::string& flushed_membership);

  const LogPosition& tail() const { return tail_; }
  uint64_t synced_index() const { return synced_index_; }
  const HardState& hard_state() const { return hard_state_; }
  const LogIndex& index() const { return index_; }
  LogIndex TakeIndex() { return std::move(index_); }
  bool discarded() const { return discarded_; }  // the flushed position is of another history

 private:
  void Start(const SegmentHeader& header);
  void StartBelow(const RecordHeader& header);
  bool GoesOnFrom(const LogPosition& previous) const;
  Status HeaderOf(uint64_t index, RecordHeader* header) const;
  Status Supersede(const RecordHeader& header, uint64_t offset, bool* follows);
  void Push(const RecordHeader& header, uint64_t offset);

  const LogPosition flushed_;
  LogIndex index_;
  LogPosition tail_, cursor_;
  HardState hard_state_;
  uint64_t synced_index_ = 0;
  std::vector<const File*> files_;  // by slot
  bool base_known_ = true;
  bool discarded_ = false;
};

}  // namespace varve
