// How a replayed log goes on: what is not known to be on disk is copied before anything is answered
// for.
#include <algorithm>

#include "core/record_reader.h"
#include "core/wal.h"

namespace varve {

Status Wal::EndAfter(uint64_t index, SegmentEnd* end) const {
  *end = SegmentEnd();
  if (!index_.Holds(index)) return Status::Ok();  // the new segment is the first one needed
  const PlacedEntry placed = Locate(index, index).front();
  RecordReader reader(&placed.segment->file(), placed.segment->header().identity.life,
                      placed.segment->bytes(), 4096);
  RecordReader::Found found;
  VARVE_TRY(reader.At(placed.offset, false, &found));
  if (!found.valid) {
    return Status::Corruption(found.reason).At(placed.segment->path(), placed.offset);
  }
  end->number = placed.segment->number();
  end->end = placed.offset + found.bytes;
  end->synced_bytes = std::min(end->end, placed.segment->synced_bytes_.load());
  return Status::Ok();
}

// Goes back to the end of entry `index`, and gives the entries after it.
Status Wal::ForgetTail(uint64_t index, std::vector<PlacedEntry>* tail,
                       std::vector<std::string>* superfluous) {
  LogPosition last;
  VARVE_TRY(PositionAt(index, &last));
  VARVE_TRY(EndAfter(index, &end_));
  while (index + tail->size() < position_.index) {
    std::vector<PlacedEntry> more = Locate(index + tail->size() + 1, position_.index);
    tail->insert(tail->end(), more.begin(), more.end());
  }
  const bool held = index_.Holds(index);
  const uint32_t slot = held ? index_.Locate(index).slot : 0;
  const auto after = held ? segments_.upper_bound(slot) : segments_.begin();
  superfluous->clear();
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto segment = after; segment != segments_.end(); ++segment) {
    superfluous->push_back(segment->second->path());
  }
  segments_.erase(after, segments_.end());
  LowerLast(last);
  synced_index_.store(index, std::memory_order_release);
  return Status::Ok();
}

Status Wal::CopyEntries(const std::vector<PlacedEntry>& entries) {
  std::shared_ptr<WalSegment> source;
  std::unique_ptr<RecordReader> reader;
  std::string frame;
  for (const PlacedEntry& one : entries) {
    if (one.segment != source) {
      source = one.segment;
      reader = std::make_unique<RecordReader>(&source->file(), source->header().identity.life,
                                              source->bytes());
    }
    RecordReader::Found found;
    VARVE_TRY(reader->At(one.offset, true, &found));
    if (!found.valid || found.header.index != position_.index + 1) {
      return Status::Corruption("an entry changed while it was copied")
          .At(source->path(), one.offset);
    }
    const RecordHeader& header = found.header;
    frame.assign(found.record);
    VARVE_TRY(Append({header.kind, header.term, header.time_ms, header.count, header.index,
                      header.first_sequence},
                     frame.data(), header.payload_bytes));
  }
  return Status::Ok();
}

Status Wal::Restart(std::shared_ptr<WalSegment> segment, const SegmentIdentity& identity,
                    uint64_t flushed_index, std::vector<std::string>* superfluous) {
  if (active_ != nullptr) return Status::InvalidArgument("a wal restarts once, after replay");
  VARVE_TRY(CheckNext(*segment, identity));
  const LogPosition last = position_;
  const uint64_t durable =
      std::clamp(std::max(synced_index(), flushed_index), index_.base().index, last.index);
  std::vector<PlacedEntry> tail;
  VARVE_TRY(ForgetTail(durable, &tail, superfluous));
  restarted_ = true;
  segment->SetHeader(NextHeader(identity));
  Activate(segment);
  VARVE_TRY(CopyEntries(tail));
  if (!tail.empty()) VARVE_TRY(SyncSegment(segment.get()));
  VARVE_TRY(WriteHeader(segment.get()));
  VARVE_TRY(SyncSegment(segment.get()));
  segment->synced_bytes_.store(segment->bytes(), std::memory_order_release);
  std::lock_guard<std::mutex> lock(mutex_);
  synced_index_.store(last.index, std::memory_order_release);
  position_.sequence = std::max(position_.sequence, last.sequence);
  return Status::Ok();
}

}  // namespace varve
