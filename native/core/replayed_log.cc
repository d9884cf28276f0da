#include "core/replayed_log.h"

#include <algorithm>

namespace varve {

void ReplayedLog::Start(const SegmentHeader& header) {
  index_.Reset(header.previous, header.membership);
  base_known_ = true;
  tail_ = cursor_ = header.previous;
  synced_index_ = std::min(synced_index_, header.previous.index);
}

// Entries from below the first segment's start were superseded, by ones that are in tables too: the
// term before them is not known.
void ReplayedLog::StartBelow(const RecordHeader& header) {
  const LogPosition before{header.index - 1, 0, header.first_sequence - 1, 0};
  index_.Reset(before, index_.membership());
  synced_index_ = std::min(synced_index_, before.index);
  base_known_ = false;
}

bool ReplayedLog::GoesOnFrom(const LogPosition& previous) const {
  uint64_t term = 0;
  return index_.Term(previous.index, &term).ok() && term == previous.term &&
         (previous.index < tail_.index || previous.sequence >= tail_.sequence);
}

bool ReplayedLog::Begin(const SegmentHeader& header, const File* file) {
  const LogPosition& previous = header.previous;
  if (!files_.empty() && GoesOnFrom(previous)) {
    cursor_ = previous;
    if (previous.index == tail_.index) tail_ = previous;  // its sequence tells of skipped ones
    if (previous.index >= index_.membership_index() && header.membership != index_.membership()) {
      index_.SetMembership(previous.index, header.membership);
    }
  } else if (files_.empty() || previous.index <= flushed_.index) {
    Start(header);
  } else {
    return false;
  }
  files_.push_back(file);
  hard_state_ = header.hard_state;
  synced_index_ = std::max(synced_index_, header.synced_index);
  return true;
}

Status ReplayedLog::HeaderOf(uint64_t index, RecordHeader* header) const {
  const EntryLocation location = index_.Locate(index);
  char bytes[kRecordHeaderBytes];
  size_t read = 0;
  const File* file = files_[location.slot];
  Status status = file->ReadAt(location.offset, sizeof bytes, bytes, &read);
  if (status.ok() && read < sizeof bytes) status = Status::Corruption("a record was cut off");
  if (!status.ok()) return status.At(file->path(), location.offset);
  *header = DecodeRecordHeader(bytes);
  return Status::Ok();
}

void ReplayedLog::Push(const RecordHeader& header, uint64_t offset) {
  index_.Push(header.term, static_cast<uint32_t>(files_.size() - 1), offset);
  tail_ = cursor_ = header.position();
}

Status ReplayedLog::Supersede(const RecordHeader& header, uint64_t offset, bool* follows) {
  LogPosition before = index_.base();
  if (header.index - 1 == before.index) {
    before.sequence = 0;  // it may count skipped ones, which superseding entries use again
  } else {
    RecordHeader held;
    VARVE_TRY(HeaderOf(header.index - 1, &held));
    before = held.position();
  }
  *follows = header.first_sequence > before.sequence && header.term >= before.term;
  if (!*follows) return Status::Ok();
  index_.TruncateAfter(header.index - 1);
  synced_index_ = std::min(synced_index_, header.index - 1);
  Push(header, offset);
  return Status::Ok();
}

Status ReplayedLog::Accept(const RecordHeader& header, Slice payload, uint64_t offset,
                           bool* follows) {
  *follows = false;
  if (!header.is_entry()) {
    if (header.index > cursor_.index) return Status::Ok();
    *follows = header.kind != RecordKind::kHardState || DecodeHardState(payload, &hard_state_);
  } else if (header.index > cursor_.index + 1 || header.index == 0 || header.first_sequence == 0 ||
             header.last_sequence() > kSequenceMax) {
    return Status::Ok();
  } else if (header.index <= index_.base().index) {
    *follows = true;
    StartBelow(header);
    Push(header, offset);
  } else if (header.index > tail_.index) {
    *follows = header.first_sequence > tail_.sequence && header.term >= tail_.term;
    if (*follows) Push(header, offset);
  } else {
    VARVE_TRY(Supersede(header, offset, follows));
  }
  if (!*follows) return Status::Ok();
  if (header.kind == RecordKind::kMembership) {
    index_.SetMembership(header.index, std::string(payload));
  }
  synced_index_ = std::max(synced_index_, header.synced_index);
  return Status::Ok();
}

void ReplayedLog::Finish(const std::string& flushed_membership) {
  uint64_t term = 0;
  discarded_ =
      flushed_.term != 0 && index_.Term(flushed_.index, &term).ok() && term != flushed_.term;
  if (tail_.index < flushed_.index || discarded_) {
    index_.Reset(flushed_, flushed_membership);
    tail_ = flushed_;
  } else if (!base_known_) {
    LogPosition base = flushed_;
    if (index_.Term(base.index, &base.term).ok()) index_.DropThrough(base);
  }
  synced_index_ = std::clamp(synced_index_, index_.base().index, tail_.index);
}

}  // namespace varve
