// Evidence: does anything say that what stood where replay stopped had been on disk?
#pragma once

#include <string>
#include <vector>

#include "core/wal_chain.h"

namespace varve {

// Where replay stopped.
struct ReplayStop {
  size_t segment = 0;  // position in the list; with `none`, no segment had begun
  bool none = true;
  uint64_t offset = 0;
  uint64_t limit = 0;          // of this segment's bytes
  uint64_t missing_index = 0;  // the first entry neither the log nor tables hold
  std::string reason;
  bool of_this_life = false;  // a torn record of this segment stands there
};

// kCorruption, naming file and offset of the stop, when there is evidence. Otherwise *dropped tells
// whether valid records or begun segments follow the stop: they are cut.
Status CheckEvidence(const std::vector<ListedSegment>& segments, const ReplayOptions& options,
                     const ReplayStop& stop, bool* dropped);

}  // namespace varve
