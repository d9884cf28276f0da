// Jobs: work that an executor runs, and its outcome, which the control plane takes with drain().
//
// A kind of job is a plain struct W (its request, then its result) with
//   Status Run(JobProgress*)              on a lane; touches no JavaScript
//   napi_value Result(Environment*)       on the environment's thread, when Run was ok;
//                                         nullptr: a JavaScript exception is pending
// and optionally kRunsCancelled: Run is called even when the job was cancelled before it began.
//
// Invariant: a job is destroyed on the environment's thread, so that what it holds (engines,
// tables, references to JavaScript objects) is never let go of on a lane.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "binding/handle_kinds.h"
#include "core/executor.h"
#include "core/jobs.h"

namespace varve::binding {

class Environment;

class Job {
 public:
  virtual ~Job() = default;
  virtual Status Run() = 0;
  virtual napi_value Result(Environment* environment) = 0;

  uint64_t id = 0;
  Status status;
  JobProgress progress;
};

template <class Work>
class JobOf final : public Job {
 public:
  JobOf(std::shared_ptr<Executor> executor, Work work)
      : executor_(std::move(executor)), work_(std::move(work)) {}

  Status Run() override {
    if constexpr (!requires { Work::kRunsCancelled; }) {
      if (progress.cancelled.load(std::memory_order_relaxed)) return Status::Aborted();
    }
    return work_.Run(&progress);
  }
  napi_value Result(Environment* environment) override { return work_.Result(environment); }

 private:
  const std::shared_ptr<Executor> executor_;  // outlives what it runs
  Work work_;
};

// Submits the job and returns its number.
napi_value SubmitJob(Environment* environment, Executor* executor, Lane lane,
                     std::unique_ptr<Job> job);

template <class Work>
napi_value StartJob(Environment* environment, const std::shared_ptr<Executor>& executor, Lane lane,
                    Work work) {
  return SubmitJob(environment, executor.get(), lane,
                   std::make_unique<JobOf<Work>>(executor, std::move(work)));
}

// What jobs without a result resolve to.
napi_value Undefined(Environment* environment);

}  // namespace varve::binding
