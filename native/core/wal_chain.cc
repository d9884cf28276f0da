#include "core/wal_chain.h"

#include <algorithm>

namespace varve {

namespace {

Status ReadHeader(ListedSegment* segment) {
  std::string bytes(std::min<uint64_t>(kSegmentHeaderFixedBytes, segment->size), '\0');
  size_t read = 0;
  VARVE_TRY(segment->file->ReadAt(0, bytes.size(), bytes.data(), &read));
  bytes.resize(read);
  if (const uint64_t size = ClaimedHeaderBytes(bytes); size > read && size <= segment->size) {
    bytes.resize(size);
    VARVE_TRY(segment->file->ReadAt(0, bytes.size(), bytes.data(), &read));
    bytes.resize(read);
  }
  HeaderState state = HeaderState::kInvalid;
  VARVE_TRY(DecodeSegmentHeader(bytes, &segment->header, &state));
  segment->begun = state == HeaderState::kValid;
  return Status::Ok();
}

Status CheckIdentity(ListedSegment* segment) {
  const SegmentIdentity& identity = segment->header.identity;
  const ReplaySegment& listed = *segment->listed;
  if (listed.number != 0 && identity.number < listed.number) {
    segment->begun = false;
    segment->stale = true;
    return Status::Ok();
  }
  if (listed.number != 0 && identity.number > listed.number) {
    return Status::Corruption("this is wal segment " + std::to_string(identity.number) +
                              " under the name of segment " + std::to_string(listed.number));
  }
  if (listed.id != FileId{} && listed.id != identity.id) {
    return Status::Corruption("this wal segment is not the one that the manifest names");
  }
  return Status::Ok();
}

Status OpenOne(FileSystem* fs, const ReplaySegment& listed, ListedSegment* segment) {
  segment->listed = &listed;
  Status status = fs->Open(listed.path, OpenMode::kRead, &segment->file);
  if (status.IsNotFound()) status = Status::Corruption("a wal segment is missing");
  if (status.ok()) status = segment->file->Size(&segment->size);
  if (status.ok()) status = ReadHeader(segment);
  if (status.ok() && segment->begun) status = CheckIdentity(segment);
  return status.ok() ? status : status.At(listed.path, 0);
}

}  // namespace

Status OpenListedSegments(FileSystem* fs, const ReplayOptions& options,
                          std::vector<ListedSegment>* segments) {
  uint64_t number = 0;
  for (const ReplaySegment& listed : options.segments) {
    if (listed.number == 0 || listed.number <= number) {
      return Status::InvalidArgument("wal segments are listed with their numbers, ascending");
    }
    number = listed.number;
    segments->emplace_back();
    VARVE_TRY(OpenOne(fs, listed, &segments->back()));
  }
  return Status::Ok();
}

namespace {

constexpr size_t kNotListed = ~size_t{0};

size_t PositionOf(const std::vector<ListedSegment>& segments, uint64_t number) {
  const auto found =
      std::lower_bound(segments.begin(), segments.end(), number,
                       [](const ListedSegment& s, uint64_t n) { return s.listed->number < n; });
  if (found == segments.end() || found->listed->number != number) return kNotListed;
  return static_cast<size_t>(found - segments.begin());
}

// Follows the headers back from `last`. *chain stays empty when a torn header is in the way.
Status ChainBackFrom(const std::vector<ListedSegment>& segments, size_t last,
                     uint64_t flushed_index, std::vector<size_t>* chain) {
  chain->push_back(last);
  for (;;) {
    const ListedSegment& first = segments[chain->back()];
    const SegmentHeader& header = first.header;
    const size_t before = PositionOf(segments, header.follows.number);
    const bool usable = before != kNotListed && segments[before].begun && before < chain->back();
    if (usable) {
      chain->push_back(before);
      continue;
    }
    if (header.previous.index <= flushed_index) break;
    if (before == kNotListed) {
      return Status::Corruption("the wal begins after entry " +
                                std::to_string(header.previous.index) + ", but only those to " +
                                std::to_string(flushed_index) + " are in tables: segment " +
                                std::to_string(header.follows.number) + " is missing")
          .At(first.path(), 0);
    }
    chain->clear();
    return Status::Ok();
  }
  std::reverse(chain->begin(), chain->end());
  return Status::Ok();
}

}  // namespace

Status FindChain(const std::vector<ListedSegment>& segments, uint64_t flushed_index,
                 std::vector<size_t>* chain) {
  for (size_t at = segments.size(); at-- > 0 && chain->empty();) {
    if (segments[at].begun) VARVE_TRY(ChainBackFrom(segments, at, flushed_index, chain));
  }
  return Status::Ok();
}

}  // namespace varve
