#include "core/merge_job.h"

#include <chrono>
#include <thread>

namespace varve {
namespace {

constexpr uint64_t kPollEntries = 1024;
// With the work between two polls (about half a millisecond): a fifth of the usual rate.
constexpr std::chrono::milliseconds kRest{2};

class Merge {
 public:
  Merge(Cursor* cursor, MergeRules* rules, JobOutputs* outputs, JobProgress* progress,
        JobResult* result)
      : cursor_(cursor), rules_(rules), outputs_(outputs), progress_(progress), result_(result) {}

  Status Run() {
    for (cursor_->SeekToFirst(); cursor_->valid(); cursor_->Next()) {
      VARVE_TRY(Take());
      if (++entries_ % kPollEntries != 0) continue;
      VARVE_TRY(Poll());
      if (progress_->gentle.load(std::memory_order_relaxed)) std::this_thread::sleep_for(kRest);
    }
    VARVE_TRY(cursor_->status());
    return Poll();
  }
  uint64_t entries() const { return entries_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Status Take() {
    const Slice key = cursor_->key();
    Slice value = cursor_->value();
    uint64_t trailer = cursor_->trailer();
    const bool newest = entries_ == 0 || key != Slice(key_);
    if (newest) {
      key_.assign(key);
      key_kept_ = false;
    }
    bytes_ += key.size() + sizeof(trailer) + value.size();
    const MergeRules::Verdict verdict = rules_->Decide(key, newest, trailer, value);
    if (!verdict.is_kept) {
      ++result_->entries_dropped;
      return Status::Ok();
    }
    if (verdict.as_tombstone) {
      trailer = PackTrailer(TrailerSequence(trailer), Kind::kTombstone);
      value = Slice();
    }
    const bool starts_key = !key_kept_;
    key_kept_ = true;
    return outputs_->Add(key, starts_key, trailer, value, verdict.held_for);
  }

  Status Poll() {
    progress_->entries_read.store(entries_, std::memory_order_relaxed);
    progress_->bytes_read.store(bytes_, std::memory_order_relaxed);
    outputs_->ReportProgress();
    return progress_->cancelled.load(std::memory_order_relaxed) ? Status::Aborted() : Status::Ok();
  }

  Cursor* const cursor_;
  MergeRules* const rules_;
  JobOutputs* const outputs_;
  JobProgress* const progress_;
  JobResult* const result_;
  std::string key_;        // of the entry before
  bool key_kept_ = false;  // an entry of key_ went to the outputs
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
};

Status MergeEntries(const MergeInput& input, MergeRules* rules, JobOutputs* outputs,
                    JobProgress* progress, JobResult* result) {
  Merge merge(input.cursor.get(), rules, outputs, progress, result);
  VARVE_TRY(merge.Run());
  result->entries_in = merge.entries();
  result->bytes_in = merge.bytes();
  if (result->entries_in != input.entries) {
    return Status::Corruption("a job read another number of entries than its inputs hold");
  }
  VARVE_TRY(outputs->Finish());
  if (result->entries_in != result->entries_out + result->entries_dropped) {
    return Status::Corruption("a job neither wrote nor dropped some of its entries");
  }
  return Status::Ok();
}

}  // namespace

Status RunMerge(MergeInput input, const MergeFacts& facts, JobOutputOptions options,
                JobProgress* progress, JobResult* result) {
  *result = JobResult();
  MergeRules rules(facts, input.ranges);
  options.ranges = &rules.kept_ranges();
  options.ranges_held_for = rules.ranges_held_for();
  JobOutputs outputs(options, progress, result);
  Status status = MergeEntries(input, &rules, &outputs, progress, result);
  if (status.ok()) {
    outputs.Keep();
  } else {
    *result = JobResult();
  }
  return status;
}

}  // namespace varve
