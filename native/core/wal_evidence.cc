#include "core/wal_evidence.h"

#include <functional>

#include "core/record_reader.h"

namespace varve {

namespace {

Status Damaged(const ListedSegment& at, const ReplayStop& stop, const std::string& witness) {
  return Status::Corruption("the wal is damaged: " + stop.reason + ", yet entry " +
                            std::to_string(stop.missing_index) +
                            " or what came with it was on disk, says " + witness)
      .At(at.path(), stop.offset);
}

using Witness = std::function<Status(const RecordReader::Found&)>;

// Calls `witness` for every valid record of this life at or after `offset`.
Status ForEachRecord(const ListedSegment& segment, uint64_t life, uint64_t offset, uint64_t limit,
                     const Witness& witness) {
  RecordReader reader(segment.file.get(), life, limit);
  for (;;) {
    RecordReader::Found found;
    VARVE_TRY(reader.FindFrom(offset, &found));
    if (!found.valid) return Status::Ok();
    VARVE_TRY(witness(found));
    offset = found.offset + found.bytes;
  }
}

std::string Place(const ListedSegment& segment, uint64_t offset) {
  return "the record in " + segment.path() + " at " + std::to_string(offset);
}

class EvidenceSearch {
 public:
  EvidenceSearch(const std::vector<ListedSegment>& segments, const ReplayOptions& options,
                 const ReplayStop& stop)
      : segments_(segments), options_(options), stop_(stop) {}

  Status Run() {
    if (options_.synced_index >= stop_.missing_index) return Fail("the manifest");
    if (!stop_.none) VARVE_TRY(SearchStopped());
    for (size_t at = stop_.none ? 0 : stop_.segment + 1; at < segments_.size(); ++at) {
      if (segments_[at].stale) continue;
      VARVE_TRY(segments_[at].begun ? SearchBegun(segments_[at]) : SearchTorn(segments_[at]));
    }
    return Status::Ok();
  }

  bool dropped() const { return dropped_; }

 private:
  Status Fail(const std::string& witness) const {
    if (segments_.empty()) {
      return Status::Corruption("the wal is missing, yet " + witness + " says that entry " +
                                std::to_string(stop_.missing_index) + " was on disk");
    }
    return Damaged(segments_[stop_.segment], stop_, witness);
  }

  Status SearchStopped() {
    const ListedSegment& segment = segments_[stop_.segment];
    return ForEachRecord(segment, segment.header.identity.life, stop_.offset, stop_.limit,
                         [&](const RecordReader::Found& found) {
                           dropped_ = true;
                           const bool synced = found.header.synced_bytes > stop_.offset ||
                                               found.header.synced_index >= stop_.missing_index;
                           return synced ? Fail(Place(segment, found.offset)) : Status::Ok();
                         });
  }

  Status SearchBegun(const ListedSegment& segment) {
    dropped_ = true;
    const SegmentHeader& header = segment.header;
    bool synced = header.synced_index >= stop_.missing_index;
    if (!stop_.none) {
      const uint64_t number = segments_[stop_.segment].listed->number;
      synced |= header.follows.number == number && header.follows.synced_bytes > stop_.offset;
      synced |= header.follows.number > number && header.follows.synced_bytes > 0;
    }
    if (synced) return Fail("the header of " + segment.path());
    return ForEachRecord(segment, header.identity.life, segment.header_bytes(), segment.size,
                         [&](const RecordReader::Found& found) {
                           const bool claims = found.header.synced_bytes > 0 ||
                                               found.header.synced_index >= stop_.missing_index;
                           return claims ? Fail(Place(segment, found.offset)) : Status::Ok();
                         });
  }

  // Without a header nothing tells this use of the file from former ones, but that those speak only
  // of entries that are in tables (see Wal::DropBefore).
  Status SearchTorn(const ListedSegment& segment) {
    return ForEachRecord(segment, 0, 0, segment.size, [&](const RecordReader::Found& found) {
      const bool claims = found.header.synced_index >= stop_.missing_index;
      return claims ? Fail(Place(segment, found.offset)) : Status::Ok();
    });
  }

  const std::vector<ListedSegment>& segments_;
  const ReplayOptions& options_;
  const ReplayStop& stop_;
  bool dropped_ = false;
};

}  // namespace

Status CheckEvidence(const std::vector<ListedSegment>& segments, const ReplayOptions& options,
                     const ReplayStop& stop, bool* dropped) {
  EvidenceSearch search(segments, options, stop);
  VARVE_TRY(search.Run());
  *dropped = search.dropped();
  return Status::Ok();
}

}  // namespace varve
