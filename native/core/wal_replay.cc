#include "core/wal_replay.h"

#include <algorithm>

#include "core/record_reader.h"
#include "core/replayed_log.h"
#include "core/wal_chain.h"
#include "core/wal_evidence.h"

namespace varve {

namespace {

class Replay {
 public:
  Replay(const ReplayOptions& options, ReplayResult* result)
      : options_(options), result_(result), log_(options.flushed) {}

  Status Run(FileSystem* fs) {
    VARVE_TRY(OpenListedSegments(fs, options_, &segments_));
    VARVE_TRY(FindChain(segments_, options_.flushed.index, &chain_));
    VARVE_TRY(ReadChain());
    VARVE_TRY(CheckStop());
    log_.Finish(options_.flushed_membership);
    if (log_.discarded()) {
      result_->cut_reason = "a snapshot took the place of this log";
    }
    TakeState();
    return Status::Ok();
  }

  // After Run: the entries above the flushed position, as the final log has them.
  Status Deliver(Memtable* memtable, const ReplayVisitor& record);

 private:
  struct Extent {
    uint64_t end, synced_bytes, synced_claim;
  };

  Status ReadChain();
  Status ReadSegment(size_t position);
  uint64_t LimitOf(size_t position) const;
  Status CheckStop();
  void TakeState();

  const ReplayOptions& options_;
  ReplayResult* result_;
  ReplayedLog log_;
  std::vector<ListedSegment> segments_;
  std::vector<size_t> chain_;
  std::vector<Extent> extents_;  // of the chain's segments that are in the log
  ReplayStop stop_;
};

uint64_t Replay::LimitOf(size_t position) const {
  const ListedSegment& segment = segments_[chain_[position]];
  uint64_t limit = segment.size;
  if (segment.listed->end != 0) limit = std::min(limit, segment.listed->end);
  if (position + 1 < chain_.size()) {
    limit = std::min(limit, segments_[chain_[position + 1]].header.follows.end);
  }
  return limit;
}

Status Replay::ReadChain() {
  for (size_t position = 0; position < chain_.size(); ++position) {
    const ListedSegment& segment = segments_[chain_[position]];
    const SegmentHeader& header = segment.header;
    if (!log_.Begin(header, segment.file.get())) {
      if (stop_.reason.empty()) stop_.reason = "the segments after this one do not follow from it";
      break;
    }
    const bool was_cut_short = position > 0 && stop_.offset < header.follows.synced_bytes;
    if (was_cut_short && header.previous.index > options_.flushed.index) {
      return Status::Corruption("the wal is damaged: " + stop_.reason +
                                ", yet it was on disk, says the header of " + segment.path())
          .At(segments_[stop_.segment].path(), stop_.offset);
    }
    VARVE_TRY(ReadSegment(position));
  }
  return Status::Ok();
}

Status Replay::ReadSegment(size_t position) {
  const ListedSegment& segment = segments_[chain_[position]];
  const uint64_t limit = LimitOf(position);
  uint64_t offset = segment.header_bytes();
  Extent extent{0, 0, segment.header.synced_index};
  RecordReader reader(segment.file.get(), segment.header.identity.life, limit);
  stop_ = ReplayStop();
  while (offset < limit) {
    RecordReader::Found found;
    VARVE_TRY(reader.At(offset, false, &found));
    bool follows = false;
    if (found.valid) {
      const Slice payload = found.record.empty() ? Slice() : found.payload();
      VARVE_TRY(log_.Accept(found.header, payload, offset, &follows));
    }
    if (!follows) {
      stop_.reason = found.valid ? "a record does not follow the one before it" : found.reason;
      stop_.of_this_life = found.valid || found.of_this_life;
      break;
    }
    extent.synced_bytes = std::max(extent.synced_bytes, found.header.synced_bytes);
    extent.synced_claim = std::max(extent.synced_claim, found.header.synced_index);
    offset += found.bytes;
    ++result_->records;
    result_->bytes += found.bytes;
  }
  stop_.none = false;
  stop_.segment = chain_[position];
  stop_.offset = offset;
  stop_.limit = limit;
  extent.end = offset;
  extents_.push_back(extent);
  return Status::Ok();
}

Status Replay::CheckStop() {
  const bool empty = extents_.empty();
  stop_.missing_index = std::max(log_.tail().index, options_.flushed.index) + 1;
  if (stop_.reason.empty()) stop_.reason = empty ? "no segment has a valid header" : "it ends";
  bool dropped = false;
  VARVE_TRY(CheckEvidence(segments_, options_, stop_, &dropped));
  if ((dropped || stop_.of_this_life) && !segments_.empty()) {
    result_->cut_file = segments_[stop_.segment].path();
    result_->cut_offset = stop_.offset;
    result_->cut_reason = stop_.reason;
  }
  return Status::Ok();
}

void Replay::TakeState() {
  LogState& state = result_->log;
  state.position = log_.tail();
  state.hard_state = log_.hard_state();
  state.synced_index = log_.synced_index();
  state.index = log_.TakeIndex();
  std::vector<bool> used(segments_.size(), false);
  for (size_t position = 0; position < extents_.size(); ++position) {
    ListedSegment& segment = segments_[chain_[position]];
    Extent& extent = extents_[position];
    // Records that were cut from the last one may say as much as this.
    if (position + 1 == extents_.size()) extent.synced_claim = state.position.index;
    used[chain_[position]] = true;
    state.end = {segment.listed->number, extent.end, extent.synced_bytes};
    state.segments.push_back(WalSegment::Replayed(std::move(segment.file), segment.header,
                                                  extent.end, extent.synced_bytes,
                                                  extent.synced_claim));
  }
  for (size_t at = 0; at < segments_.size(); ++at) {
    if (!used[at]) result_->unused.push_back(segments_[at].path());
  }
}

Status Replay::Deliver(Memtable* memtable, const ReplayVisitor& record) {
  const LogState& state = result_->log;
  result_->applied = options_.flushed;
  const uint64_t apply_to = options_.only_committed
                                ? std::min(options_.apply_to, state.hard_state.commit)
                                : options_.apply_to;
  std::unique_ptr<RecordReader> reader;
  uint32_t slot = ~uint32_t{0};
  const uint64_t last =
      record != nullptr ? state.position.index : std::min(state.position.index, apply_to);
  uint64_t index = std::max(options_.flushed.index, state.index.base().index) + 1;
  for (; index <= last; ++index) {
    const EntryLocation location = state.index.Locate(index);
    const WalSegment& segment = *state.segments[location.slot];
    if (location.slot != slot) {
      slot = location.slot;
      reader = std::make_unique<RecordReader>(&segment.file(), segment.header().identity.life,
                                              segment.bytes());
    }
    RecordReader::Found found;
    VARVE_TRY(reader->At(location.offset, true, &found));
    if (!found.valid || found.header.index != index) {
      return Status::Corruption("a record changed while it was read")
          .At(segment.path(), location.offset);
    }
    if (index <= apply_to) {
      Status status = found.header.kind == RecordKind::kBatches
                          ? ApplyBatches(found.payload(), found.header.first_sequence,
                                         found.header.count, memtable)
                          : Status::Ok();
      if (!status.ok()) return status.At(segment.path(), location.offset);
      result_->operations += found.header.count;
      result_->applied = found.header.position();
    }
    if (record != nullptr) VARVE_TRY(record(found.record, found.header));
  }
  return Status::Ok();
}

}  // namespace

Status ReplayWal(FileSystem* fs, const ReplayOptions& options, Memtable* memtable,
                 const ReplayVisitor& record, ReplayResult* result) {
  *result = ReplayResult();
  Replay replay(options, result);
  VARVE_TRY(replay.Run(fs));
  return replay.Deliver(memtable, record);
}

}  // namespace varve
