// JobOutputs: the tables a job writes, one after the other, and what becomes of them.
//
// A table is finished when the key that begins the next one is known, so that the span between
// two tables, with the range tombstones over it, belongs to the one before.
// Thread safety: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/jobs.h"

namespace varve {

struct JobOutputOptions {
  FileSystem* fs = nullptr;
  const std::vector<OutputFile>* files = nullptr;
  TableOptions table;
  uint64_t bytes_max = ~uint64_t{0};
  const std::vector<std::string>* cut_after = nullptr;  // may be nullptr
  const RangeTombstones* ranges = nullptr;
  Sequence ranges_held_for = 0;  // the newest snapshot that some of them are kept for
};

class JobOutputs {
 public:
  JobOutputs(const JobOutputOptions& options, JobProgress* progress, JobResult* result)
      : options_(options), progress_(progress), result_(result) {}
  // Removes all outputs, unless Keep was called.
  ~JobOutputs();
  JobOutputs(const JobOutputs&) = delete;
  JobOutputs& operator=(const JobOutputs&) = delete;

  // REQUIRES: in entry order; `starts_key`: the entry added before has another key.
  // `held_for`: the snapshot it is kept for, or 0.
  Status Add(Slice key, bool starts_key, uint64_t trailer, Slice value, Sequence held_for) {
    if (starts_key) VARVE_TRY(Place(key));
    VARVE_TRY(writer_->Add(key, trailer, value));
    writer_->NoteHeldFor(held_for);
    return Status::Ok();
  }
  Status Finish();
  void Keep() { created_.clear(); }
  void ReportProgress();

 private:
  // Makes sure that a table is open that `key` may go to.
  Status Place(Slice key);
  // Whether `key` begins another table; then *split is the bound between the two.
  bool CutsBefore(Slice key, std::string* split);
  Status OpenTable();
  Status FinishTable(const std::string* upper);
  Status Verify(const OutputFile& file, const TableProperties& properties);
  // Of the range tombstones those in [lower_, upper), truncated; nullptr: no upper bound.
  RangeTombstones TakeRanges(const std::string* upper);

  const JobOutputOptions options_;
  JobProgress* const progress_;
  JobResult* const result_;
  std::unique_ptr<TableWriter> writer_;
  std::vector<std::string> created_;
  std::string lower_;  // nothing below goes to the present table
  size_t range_at_ = 0;
  size_t cut_at_ = 0;
  size_t files_used_ = 0;
};

}  // namespace varve
