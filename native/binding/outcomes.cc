#include "binding/outcomes.h"

namespace varve::binding {

bool OutcomeQueue::Open(napi_env env, napi_threadsafe_function_call_js on_wake, void* context) {
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "varve", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, context,
                                      on_wake, &wake_) != napi_ok) {
    return false;
  }
  return napi_unref_threadsafe_function(env, wake_) == napi_ok;
}

void OutcomeQueue::Close() {
  // The function itself goes with the environment: its clean-up is Node's.
  std::lock_guard<std::mutex> lock(mutex_);
  wake_ = nullptr;
}

void OutcomeQueue::KeepAlive(napi_env env, bool on) {
  if (!wake_) return;
  if (on) {
    napi_ref_threadsafe_function(env, wake_);
  } else {
    napi_unref_threadsafe_function(env, wake_);
  }
}

void OutcomeQueue::Push(std::unique_ptr<Job> job) {
  std::lock_guard<std::mutex> lock(mutex_);
  jobs_.push_back(std::move(job));
  if (woken_ || !wake_) return;
  woken_ = true;
  // Under the lock, so that it cannot be closed meanwhile. It only fails when Node closes it.
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

std::vector<std::unique_ptr<Job>> OutcomeQueue::Take() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::move(jobs_);
}

bool OutcomeQueue::Awake() {
  std::lock_guard<std::mutex> lock(mutex_);
  woken_ = false;
  return !jobs_.empty();
}

}  // namespace varve::binding
