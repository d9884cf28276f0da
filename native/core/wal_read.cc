// The reading side of Wal, and what changes which entries it holds.
#include <algorithm>

#include "core/record_reader.h"
#include "core/wal.h"

namespace varve {

namespace {

constexpr uint64_t kLocatedAtOnce = 512;
constexpr size_t kSmallWindowBytes = 4096;

size_t WindowFor(uint64_t bytes_max) {
  return static_cast<size_t>(
      std::clamp<uint64_t>(bytes_max, kSmallWindowBytes, RecordReader::kWindowBytes));
}

}  // namespace

std::vector<Wal::PlacedEntry> Wal::Locate(uint64_t from, uint64_t to) const {
  std::vector<PlacedEntry> placed;
  std::lock_guard<std::mutex> lock(mutex_);
  for (uint64_t index = from; index <= to && index - from < kLocatedAtOnce; ++index) {
    if (!index_.Holds(index)) break;
    const EntryLocation location = index_.Locate(index);
    placed.push_back({segments_.find(location.slot)->second, location.offset});
  }
  return placed;
}

Status Wal::Visit(uint64_t from, uint64_t to, size_t window_bytes,
                  const EntryVisitor& visitor) const {
  std::shared_ptr<WalSegment> segment;
  std::unique_ptr<RecordReader> reader;
  while (from <= to) {
    const std::vector<PlacedEntry> placed = Locate(from, to);
    if (placed.empty()) {
      uint64_t term = 0;
      VARVE_TRY(Term(from, &term));
      return Status(Code::kNotFound, "the wal holds no entry " + std::to_string(from));
    }
    for (const PlacedEntry& one : placed) {
      if (reader == nullptr || one.segment != segment || one.offset >= reader->limit()) {
        segment = one.segment;
        reader = std::make_unique<RecordReader>(&segment->file(), segment->header().identity.life,
                                                segment->bytes(), window_bytes);
      }
      RecordReader::Found found;
      VARVE_TRY(reader->At(one.offset, true, &found));
      if (!found.valid || found.header.index != from) {
        return Status::Corruption(found.valid ? "another entry lies where one was appended"
                                              : found.reason)
            .At(segment->path(), one.offset);
      }
      bool go_on = true;
      VARVE_TRY(visitor(found.header, found.record, &go_on));
      if (!go_on) return Status::Ok();
      ++from;
    }
  }
  return Status::Ok();
}

Status Wal::Read(uint64_t from, uint64_t bytes_max, std::string* records) const {
  records->clear();
  return Visit(from, std::max(from, last_index()), WindowFor(bytes_max),
               [&](const RecordHeader&, Slice record, bool* go_on) {
                 *go_on = records->empty() || records->size() + record.size() <= bytes_max;
                 if (*go_on) records->append(record);
                 return Status::Ok();
               });
}

Status Wal::Apply(uint64_t from, uint64_t to, uint64_t bytes_max, Memtable* memtable,
                  LogPosition* applied) const {
  uint64_t bytes = 0;
  return Visit(from, to, WindowFor(bytes_max),
               [&](const RecordHeader& header, Slice record, bool* go_on) {
                 bytes += record.size();
                 *go_on = bytes < bytes_max;
                 if (header.kind == RecordKind::kBatches) {
                   VARVE_TRY(ApplyBatches(record.substr(kRecordHeaderBytes, header.payload_bytes),
                                          header.first_sequence, header.count, memtable));
                 }
                 *applied = header.position();
                 return Status::Ok();
               });
}

Status Wal::PositionAt(uint64_t index, LogPosition* position) const {
  if (index == position_.index) {
    *position = position_;
    return Status::Ok();
  }
  if (index == index_.base().index) {
    *position = index_.base();
    return Status::Ok();
  }
  return Visit(index, index, kSmallWindowBytes,
               [position](const RecordHeader& header, Slice, bool*) {
                 *position = header.position();
                 return Status::Ok();
               });
}

Status Wal::TruncateAfter(uint64_t index) {
  if (index >= position_.index) return Status::Ok();
  if (index < index_.base().index) {
    return Status::InvalidArgument("the wal begins after entry " +
                                   std::to_string(index_.base().index));
  }
  LogPosition last;
  VARVE_TRY(PositionAt(index, &last));
  std::lock_guard<std::mutex> lock(mutex_);
  LowerLast(last);
  return Status::Ok();
}

void Wal::Reset(const LogPosition& position, std::string membership) {
  std::lock_guard<std::mutex> lock(mutex_);
  LowerLast(index_.base());
  index_.Reset(position, std::move(membership));
  position_ = position;
  last_index_.store(position.index, std::memory_order_release);
  synced_index_.store(position.index, std::memory_order_release);
  sync_target_ = 0;
  sealed_ = Status::InvalidArgument("the wal was reset and waits for a new segment");
}

std::vector<std::string> Wal::DropBefore(uint64_t index) {
  std::vector<std::string> paths;
  while (segments_.size() > 1) {
    const auto front = segments_.begin();
    // The next segment becomes the first one that replay sees: it must not begin beyond `index`.
    if (std::next(front)->second->header().previous.index > index) break;
    // Its hard state must stand in a later header that is on disk.
    const bool followed = std::any_of(std::next(front), segments_.end(), [](const auto& later) {
      return !later.second->read_only_ && later.second->synced_bytes_.load() > 0;
    });
    if (!followed) break;
    const uint64_t held = index_.LastInSlot(front->first);
    LogPosition base;
    // Used again, its old records must not speak of entries that are not in tables: should its next
    // header be torn, nothing else tells them from new ones.
    if (front->second->synced_claim_ > index) break;
    if (held > index || !PositionAt(held, &base).ok()) break;
    std::lock_guard<std::mutex> lock(mutex_);
    index_.DropThrough(base);
    paths.push_back(front->second->path());
    segments_.erase(front);
  }
  return paths;
}

LogPosition Wal::position() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return position_;
}

HardState Wal::hard_state() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return hard_state_;
}

std::string Wal::membership(uint64_t* index) const {
  std::lock_guard<std::mutex> lock(mutex_);
  *index = index_.membership_index();
  return index_.membership();
}

uint64_t Wal::first_index() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return index_.base().index + 1;
}

Status Wal::Term(uint64_t index, uint64_t* term) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return index_.Term(index, term);
}

Status Wal::poison() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return poison_;
}

Status Wal::sealed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return sealed_;
}

uint64_t Wal::segment_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return active_ != nullptr ? active_->bytes() : 0;
}

}  // namespace varve
