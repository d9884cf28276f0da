#include "core/jobs.h"
#include "core/level_cursor.h"
#include "core/merge_job.h"
#include "core/merging.h"

namespace varve {
namespace {

constexpr size_t kReadaheadBytes = 256 << 10;

}  // namespace

Status RunCompaction(const CompactionJob& job, JobProgress* progress, JobResult* result) {
  TableReader::CursorOptions reading;
  reading.tier = ReadTier::kMayBlock;
  reading.fill_cache = false;
  reading.readahead_bytes = kReadaheadBytes;
  MergeInput input;
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (const auto& run : job.runs) {
    cursors.push_back(NewLevelCursor(run, reading));
    for (const std::shared_ptr<TableReader>& table : run) {
      table->range_tombstones().AppendTo(&input.ranges);
      input.entries += table->properties().entries;
    }
  }
  input.cursor = NewMergingCursor(std::move(cursors), false);
  JobOutputOptions options;
  options.fs = job.fs;
  options.files = &job.outputs;
  options.table = job.table;
  options.bytes_max = job.output_bytes_max;
  options.cut_after = &job.cut_after;
  return RunMerge(std::move(input), job.facts, options, progress, result);
}

}  // namespace varve
