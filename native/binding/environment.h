// Environment: everything the binding keeps for one Node.js environment (the main thread's or a
// worker's). There are no globals: environments share nothing.
//
// It ends in two steps: EndWork, a clean-up hook, cancels all jobs, waits for threads and lets
// every object go while memory is still there; the destructor runs when Node drops its data.
//
// Thread safety: the environment's thread only.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "binding/handle_kinds.h"
#include "binding/handles.h"
#include "binding/jobs.h"
#include "binding/outcomes.h"

namespace varve::binding {

struct LookupScratch;

class Environment {
 public:
  // nullptr: a JavaScript exception is pending. Node owns it.
  static Environment* Create(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  napi_env env() const { return env_; }
  HandleTable& handles() { return handles_; }
  OutcomeQueue& outcomes() { return outcomes_; }
  LookupScratch& scratch() { return *scratch_; }

  // Jobs that were not drained yet, by number.
  uint64_t AddJob(Job* job);
  Job* FindJob(double id);
  void ForgetJob(uint64_t id) { jobs_.erase(id); }

  // Executors live until nothing uses them, whoever lets go of them last.
  void KeepExecutor(std::shared_ptr<ExecutorHandle> executor);
  void SweepExecutors();

  void SetWake(napi_value callback);

 private:
  explicit Environment(napi_env env);
  static void OnWake(napi_env env, napi_value, void* context, void*);
  static void EndWork(void* environment);

  const napi_env env_;
  HandleTable handles_;
  OutcomeQueue outcomes_;
  std::unordered_map<uint64_t, Job*> jobs_;
  uint64_t last_job_ = 0;
  std::vector<std::shared_ptr<ExecutorHandle>> executors_;
  std::unique_ptr<LookupScratch> scratch_;
  napi_ref wake_ = nullptr;
};

}  // namespace varve::binding
