// WalChain: which listed segments make up the log, by what their headers say they follow.
#pragma once

#include <memory>
#include <vector>

#include "core/wal_replay.h"

namespace varve {

struct ListedSegment {
  const ReplaySegment* listed = nullptr;
  std::unique_ptr<File> file;
  uint64_t size = 0;
  SegmentHeader header;  // when begun
  bool begun = false;    // its header is valid and of this use of the file
  bool stale = false;    // its header is valid and of a former use

  const std::string& path() const { return listed->path; }
  uint64_t header_bytes() const { return SegmentHeaderBytes(header); }
};

// Opens every listed segment and reads its header. A header that is torn makes a segment that has
// not begun; one that contradicts its name or the manifest is kCorruption.
Status OpenListedSegments(FileSystem* fs, const ReplayOptions& options,
                          std::vector<ListedSegment>* segments);

// The chain as positions in `segments`, first to last: from the last begun segment back to one that
// starts at or before flushed_index + 1. kCorruption when a segment of it is not listed. A segment
// that follows a listed one whose header is torn cannot be on the chain; it is then evidence.
Status FindChain(const std::vector<ListedSegment>& segments, uint64_t flushed_index,
                 std::vector<size_t>* chain);

}  // namespace varve
