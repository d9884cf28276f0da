// The scan of argument 0, and jobs that have a scan to themselves.
#pragma once

#include <memory>
#include <utility>

#include "binding/arguments.h"
#include "binding/jobs.h"

namespace varve::binding {

// Borrowed, when no job has it; nullptr after throwing.
template <size_t kCount>
ScanHandle* ScanArgument(napi_env env, Arguments<kCount>* arguments) {
  ScanHandle* scan = arguments->template Handle<ScanHandle>(0, "scan");
  if (!scan || !scan->busy) return scan;
  ThrowInvalid(env, "scan", "must not be used before its job is over");
  return nullptr;
}

// A job over work.scan, which it gives back when it goes, whatever came of it.
template <class Work>
class ScanJob final : public Job {
 public:
  explicit ScanJob(Work work) : work_(std::move(work)) { work_.scan->busy = true; }
  ~ScanJob() override { work_.scan->busy = false; }
  Status Run() override {
    return progress.cancelled.load() ? Status::Aborted() : work_.Run(&progress);
  }
  napi_value Result(Environment* environment) override {
    work_.scan->busy = false;
    return work_.Result(environment);
  }

 private:
  Work work_;
};

template <class Work>
napi_value StartScanJob(Environment* environment, Work work) {
  Executor* executor = work.scan->engine->executor().get();
  return SubmitJob(environment, executor, Lane::kRead,
                   std::make_unique<ScanJob<Work>>(std::move(work)));
}

}  // namespace varve::binding
