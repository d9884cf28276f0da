// Jobs that fail leave nothing behind.
#include "jobs_support.h"

namespace varve {
namespace {

class JobsFault : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) {
      memtables_.push_back(bench_.Write(500, 100));
      inputs_.push_back(bench_.Flush({memtables_.back()}, facts_));
    }
    files_ = bench_.Files();
  }

  CompactionJob MakeCompaction() {
    CompactionJob job = bench_.MakeCompaction(inputs_, facts_);
    job.output_bytes_max = 3000;
    return job;
  }

  // Runs a job with each of its calls failing in turn.
  template <class Run>
  void FailEachCall(const Run& run, int os_error, bool short_write) {
    uint64_t failed = 0;
    for (uint64_t at = 1;; ++at) {
      FaultPlan plan;
      plan.at_call = at;
      plan.os_error = os_error;
      plan.short_write = short_write;
      bench_.fs.SetFaults(plan);
      const Status status = run();
      const bool reached = bench_.fs.calls() >= at;
      bench_.fs.SetFaults({});
      if (!reached) {
        ASSERT_OK(status);
        break;
      }
      ASSERT_FALSE(status.ok()) << at;
      ASSERT_EQ(bench_.Files(), files_) << at << ": " << status.ToString();
      ASSERT_TRUE(bench_.result.outputs.empty());
      ++failed;
    }
    EXPECT_GT(failed, 5u);
  }

  MergeFacts Snapshots() {
    MergeFacts facts;
    facts.deeper = {{{"a", "z"}}};
    for (Sequence at = 5; at < 1000; at += 11) facts.snapshots.push_back(at);
    return facts;
  }

  JobBench bench_{7};
  const MergeFacts facts_ = Snapshots();
  std::vector<std::shared_ptr<Memtable>> memtables_;
  std::vector<Tables> inputs_;
  std::vector<std::string> files_;
};

TEST_F(JobsFault, EveryCallOfAFlush) {
  const FlushJob job = bench_.MakeFlush(memtables_, facts_);
  FailEachCall([&] { return RunFlush(job, &bench_.progress, &bench_.result); }, 5, false);
}

TEST_F(JobsFault, EveryCallOfACompaction) {
  const CompactionJob job = MakeCompaction();
  const auto run = [&] { return RunCompaction(job, &bench_.progress, &bench_.result); };
  FailEachCall(run, 5, false);
  EXPECT_GT(bench_.result.outputs.size(), 2u);
}

TEST_F(JobsFault, ADiskThatFillsUp) {
  const CompactionJob job = MakeCompaction();
  const auto run = [&] { return RunCompaction(job, &bench_.progress, &bench_.result); };
  FailEachCall(run, 28, true);
}

TEST_F(JobsFault, Cancelled) {
  bench_.progress.cancelled = true;
  const CompactionJob job = MakeCompaction();
  EXPECT_EQ(RunCompaction(job, &bench_.progress, &bench_.result).code(), Code::kAborted);
  const FlushJob flush = bench_.MakeFlush(memtables_, facts_);
  EXPECT_EQ(RunFlush(flush, &bench_.progress, &bench_.result).code(), Code::kAborted);
  EXPECT_EQ(bench_.Files(), files_);
}

TEST_F(JobsFault, TooFewOutputs) {
  CompactionJob job = MakeCompaction();
  job.outputs.resize(2);
  const Status status = RunCompaction(job, &bench_.progress, &bench_.result);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(bench_.Files(), files_);
}

TEST_F(JobsFault, AFileInTheWayStays) {
  CompactionJob job = MakeCompaction();
  job.outputs[1].path = inputs_[0][0]->path();
  const Status status = RunCompaction(job, &bench_.progress, &bench_.result);
  EXPECT_EQ(status.code(), Code::kExists);
  EXPECT_EQ(bench_.Files(), files_);
}

TEST_F(JobsFault, ADamagedInputIsNamed) {
  const std::string path = inputs_[0][0]->path();
  std::string bytes;
  ASSERT_OK(bench_.fs.Dump(path, &bytes));
  bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 1);
  ASSERT_OK(bench_.fs.Overwrite(path, bytes));
  const CompactionJob job = MakeCompaction();
  const Status status = RunCompaction(job, &bench_.progress, &bench_.result);
  EXPECT_TRUE(status.IsCorruption()) << status.ToString();
  EXPECT_EQ(status.file(), path);
  EXPECT_TRUE(status.has_offset());
  EXPECT_EQ(bench_.Files(), files_);
}

}  // namespace
}  // namespace varve
