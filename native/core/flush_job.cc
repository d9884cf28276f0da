#include "core/jobs.h"
#include "core/merge_job.h"
#include "core/merging.h"

namespace varve {

Status RunFlush(const FlushJob& job, JobProgress* progress, JobResult* result) {
  MergeInput input;
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (const std::shared_ptr<Memtable>& memtable : job.memtables) {
    cursors.push_back(memtable->NewCursor());
    memtable->ranges().CollectSpans(&input.ranges);
    input.entries += memtable->entries();
  }
  input.cursor = NewMergingCursor(std::move(cursors), false);
  const std::vector<OutputFile> files{job.output};
  JobOutputOptions options;
  options.fs = job.fs;
  options.files = &files;
  options.table = job.table;
  return RunMerge(std::move(input), job.facts, options, progress, result);
}

}  // namespace varve
