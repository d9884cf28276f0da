// OutcomeQueue: jobs that ended, from any thread to the environment's.
//
// However many jobs end, the environment is woken once until it takes them.
// Thread safety: Push from any thread; the rest on the environment's.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

#include "binding/jobs.h"

namespace varve::binding {

class OutcomeQueue {
 public:
  // Calls `on_wake` on the environment's thread when jobs wait. The environment may end meanwhile
  // unless KeepAlive(true).
  bool Open(napi_env env, napi_threadsafe_function_call_js on_wake, void* context);
  // Nothing wakes the environment from now on.
  void Close();
  void KeepAlive(napi_env env, bool on);

  void Push(std::unique_ptr<Job> job);
  std::vector<std::unique_ptr<Job>> Take();
  // The wake-up arrived: whether jobs still wait.
  bool Awake();

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Job>> jobs_;
  napi_threadsafe_function wake_ = nullptr;
  bool woken_ = false;
};

}  // namespace varve::binding
