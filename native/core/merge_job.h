// What flush and compaction have in common: entries from one cursor, through the rules, into
// tables.
#pragma once

#include "core/cursor.h"
#include "core/job_outputs.h"
#include "core/merge_rules.h"

namespace varve {

struct MergeInput {
  std::unique_ptr<Cursor> cursor;
  std::vector<RangeSpan> ranges;  // of all inputs; keys are theirs
  uint64_t entries = 0;           // how many the inputs say they hold
};

// `options.ranges` is filled in. On failure no output is left and *result is empty.
Status RunMerge(MergeInput input, const MergeFacts& facts, JobOutputOptions options,
                JobProgress* progress, JobResult* result);

}  // namespace varve
