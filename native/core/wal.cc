#include "core/wal.h"

#include <algorithm>

#include "core/coding.h"

namespace varve {

LogState::LogState(const LogPosition& position, std::string membership)
    : position(position), synced_index(position.index) {
  index.Reset(position, std::move(membership));
}

Wal::Wal(LogState state)
    : position_(state.position),
      hard_state_(state.hard_state),
      index_(std::move(state.index)),
      end_(state.end),
      restarted_(state.segments.empty()) {
  uint32_t slot = 0;
  for (auto& segment : state.segments) segments_.emplace(slot++, std::move(segment));
  last_index_.store(position_.index, std::memory_order_relaxed);
  synced_index_.store(state.synced_index, std::memory_order_relaxed);
}

Wal::~Wal() = default;

Status Wal::Poison(Status cause) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (poison_.ok()) poison_ = std::move(cause);
  poisoned_.store(true, std::memory_order_release);
  return poison_;
}

SegmentHeader Wal::NextHeader(const SegmentIdentity& identity) const {
  SegmentHeader header;
  header.identity = identity;
  header.previous = position_;
  header.synced_index = std::min(synced_index(), position_.index);
  header.hard_state = hard_state_;
  header.follows = end_;
  if (active_ != nullptr) {
    header.follows = {active_->number(), active_->bytes(), active_->synced_bytes_.load()};
  }
  header.membership = index_.membership();
  return header;
}

Status Wal::CheckNext(const WalSegment& segment, const SegmentIdentity& identity) const {
  if (poisoned_.load(std::memory_order_acquire)) return poison();
  const uint64_t before = segments_.empty() ? end_.number : segments_.rbegin()->second->number();
  if (identity.life != 0 && identity.number > before && !segment.begun()) return Status::Ok();
  return Status::InvalidArgument("a segment begins once, with a life and a number above " +
                                 std::to_string(before));
}

Status Wal::WriteHeader(WalSegment* segment) {
  Status status = segment->WriteHeader();
  if (status.ok()) return status;
  status.At(segment->path(), 0);
  return status.code() == Code::kNoSpace ? status : Poison(std::move(status));
}

void Wal::Activate(std::shared_ptr<WalSegment> segment) {
  std::lock_guard<std::mutex> lock(mutex_);
  slot_ = segments_.empty() ? 0 : segments_.rbegin()->first + 1;
  segments_.emplace(slot_, segment);
  active_ = std::move(segment);
  sealed_ = Status::Ok();
  marked_ = false;
}

Status Wal::Rotate(std::shared_ptr<WalSegment> segment, const SegmentIdentity& identity) {
  if (!restarted_) return Status::InvalidArgument("a replayed wal begins with Restart");
  VARVE_TRY(CheckNext(*segment, identity));
  segment->SetHeader(NextHeader(identity));
  VARVE_TRY(WriteHeader(segment.get()));
  Activate(std::move(segment));
  return Status::Ok();
}

Status Wal::CheckEntry(const EntryToAppend& entry, size_t payload_bytes, RecordHeader* header,
                       LogPosition* before) const {
  if (!IsEntry(entry.kind)) return Status::InvalidArgument("only entries can be appended");
  if (payload_bytes > kRecordPayloadBytesMax ||
      (entry.kind == RecordKind::kMembership && payload_bytes > kMembershipBytesMax)) {
    return Status(Code::kTooLarge,
                  "a wal record of " + std::to_string(payload_bytes) + " bytes is too large");
  }
  const uint64_t index = entry.index != 0 ? entry.index : position_.index + 1;
  if (index > position_.index + 1 || index <= index_.base().index) {
    return Status::InvalidArgument(
        "entry " + std::to_string(index) + " cannot follow; the wal holds entries " +
        std::to_string(index_.base().index + 1) + " to " + std::to_string(position_.index));
  }
  VARVE_TRY(PositionAt(index - 1, before));
  const Sequence first = entry.first_sequence != 0 ? entry.first_sequence : before->sequence + 1;
  if (entry.term < before->term || first <= before->sequence) {
    return Status::InvalidArgument("a term or sequence is below that of the entry before");
  }
  if (entry.kind != RecordKind::kBatches && entry.count != 0) {
    return Status::InvalidArgument("only batches count operations");
  }
  if (first + entry.count - 1 > kSequenceMax) {
    return Status(Code::kTooLarge, "the sequences of this database are used up");
  }
  header->payload_bytes = static_cast<uint32_t>(payload_bytes);
  header->kind = entry.kind;
  header->count = entry.count;
  header->term = entry.term;
  header->index = index;
  header->first_sequence = first;
  header->time_ms = std::max(entry.time_ms, before->time_ms);
  return Status::Ok();
}

Status Wal::WriteRecord(RecordHeader* header, char* frame, uint64_t* offset) {
  if (poisoned_.load(std::memory_order_acquire)) return poison();
  if (!sealed_.ok()) return sealed_;
  if (active_ == nullptr) return Status::InvalidArgument("no segment of the wal has begun");
  header->life = active_->header().identity.life;
  // What this record supersedes was perhaps synced; it is not.
  const uint64_t kept = header->is_entry() ? header->index - 1 : header->index;
  header->synced_index = std::min(synced_index(), kept);
  header->synced_bytes = active_->synced_bytes_.load(std::memory_order_acquire);
  active_->synced_claim_ = std::max(active_->synced_claim_, header->synced_index);
  SealRecord(*header, frame);
  *offset = active_->bytes();
  Status status =
      active_->file_->WriteAt(*offset, Slice(frame, RecordBytes(header->payload_bytes)));
  if (status.ok()) return status;
  status.At(active_->path(), *offset);
  if (status.code() != Code::kNoSpace) return Poison(std::move(status));
  std::lock_guard<std::mutex> lock(mutex_);
  sealed_ = status;
  position_.sequence = std::max(position_.sequence, header->last_sequence());
  return status;
}

Status Wal::Append(const EntryToAppend& entry, char* frame, size_t payload_bytes) {
  RecordHeader header;
  LogPosition before;
  VARVE_TRY(CheckEntry(entry, payload_bytes, &header, &before));
  uint64_t offset = 0;
  VARVE_TRY(WriteRecord(&header, frame, &offset));
  const uint64_t bytes = RecordBytes(payload_bytes);
  std::lock_guard<std::mutex> lock(mutex_);
  if (header.index <= position_.index) LowerLast(before);
  index_.Push(header.term, slot_, offset);
  if (header.kind == RecordKind::kMembership) {
    index_.SetMembership(header.index, std::string(frame + kRecordHeaderBytes, payload_bytes));
  }
  position_ = header.position();
  last_index_.store(header.index, std::memory_order_release);
  NoteWritten(bytes, true);
  return Status::Ok();
}

void Wal::NoteWritten(uint64_t bytes, bool worth_syncing) {
  const uint64_t end = active_->bytes() + bytes;
  active_->end_.store(end, std::memory_order_relaxed);
  if (worth_syncing) active_->worth_syncing_ = end;
  marked_ = !worth_syncing;
  bytes_appended_.fetch_add(bytes, std::memory_order_relaxed);
}

Status Wal::SetHardState(const HardState& hard_state) {
  char frame[kRecordHeaderBytes + kHardStateBytes];
  EncodeFixed64(frame + kRecordHeaderBytes, hard_state.term);
  EncodeFixed64(frame + kRecordHeaderBytes + 8, hard_state.vote);
  EncodeFixed64(frame + kRecordHeaderBytes + 16, hard_state.commit);
  RecordHeader header = MarkHeader(RecordKind::kHardState, kHardStateBytes);
  uint64_t offset = 0;
  VARVE_TRY(WriteRecord(&header, frame, &offset));
  std::lock_guard<std::mutex> lock(mutex_);
  hard_state_ = hard_state;
  NoteWritten(sizeof frame, true);
  return Status::Ok();
}

Status Wal::MarkSynced() {
  if (poisoned_.load(std::memory_order_acquire)) return poison();
  if (marked_ || active_ == nullptr || needs_sync()) return Status::Ok();
  char frame[kRecordHeaderBytes];
  RecordHeader header = MarkHeader(RecordKind::kSyncMark, 0);
  uint64_t offset = 0;
  VARVE_TRY(WriteRecord(&header, frame, &offset));
  std::lock_guard<std::mutex> lock(mutex_);
  NoteWritten(sizeof frame, false);
  return Status::Ok();
}

RecordHeader Wal::MarkHeader(RecordKind kind, size_t payload_bytes) const {
  RecordHeader header;
  header.kind = kind;
  header.payload_bytes = static_cast<uint32_t>(payload_bytes);
  header.index = position_.index;
  header.term = position_.term;
  header.first_sequence = position_.sequence + 1;
  header.time_ms = position_.time_ms;
  return header;
}

Status Wal::SyncSegment(WalSegment* segment) {
  Status status = segment->file_->SyncData();
  if (status.ok()) return status;
  if (status.code() == Code::kNoSpace) {
    status = Status(Code::kIoError, "no space from a sync: " + status.message());
  }
  return Poison(std::move(status.InFile(segment->path())));
}

Status Wal::Sync() {
  struct Dirty {
    std::shared_ptr<WalSegment> segment;
    uint64_t end;
  };
  std::vector<Dirty> dirty;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!poison_.ok()) return poison_;
    for (const auto& [slot, segment] : segments_) {
      if (segment->read_only_ || segment->bytes() == segment->synced_bytes_.load()) continue;
      dirty.push_back({segment, segment->bytes()});
    }
    if (dirty.empty()) return Status::Ok();
    sync_target_ = position_.index;
  }
  for (const Dirty& one : dirty) {
    VARVE_TRY(SyncSegment(one.segment.get()));
    one.segment->synced_bytes_.store(one.end, std::memory_order_release);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (sync_target_ > synced_index_.load(std::memory_order_relaxed)) {
    synced_index_.store(sync_target_, std::memory_order_release);
  }
  return Status::Ok();
}

bool Wal::needs_sync() const {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [slot, segment] : segments_) {
    if (!segment->read_only_ && segment->worth_syncing_ > segment->synced_bytes_.load())
      return true;
  }
  return false;
}

void Wal::LowerLast(const LogPosition& last) {
  index_.TruncateAfter(last.index);
  position_ = last;
  last_index_.store(last.index, std::memory_order_release);
  sync_target_ = std::min(sync_target_, last.index);
  if (last.index < synced_index_.load(std::memory_order_relaxed)) {
    synced_index_.store(last.index, std::memory_order_release);
  }
}

}  // namespace varve
