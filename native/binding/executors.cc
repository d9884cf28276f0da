// Executors: threads, or stepped by hand.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"

namespace varve::binding {

namespace {

constexpr uint64_t kThreadsMax = 64;

napi_value GiveExecutor(Environment* environment, std::shared_ptr<ExecutorHandle> executor) {
  environment->KeepExecutor(executor);
  return GiveHandle(environment, std::move(executor));
}

napi_value ThreadExecutor(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  ExecutorOptions options;
  options.read_threads = static_cast<int>(arguments.Integer(0, "readThreads", kThreadsMax));
  options.compact_threads = static_cast<int>(arguments.Integer(1, "compactThreads", kThreadsMax));
  if (arguments.failed()) return nullptr;
  if (options.read_threads == 0 || options.compact_threads == 0) {
    return ThrowInvalid(env, "readThreads and compactThreads", "must be at least 1");
  }
  auto handle = std::make_shared<ExecutorHandle>();
  handle->executor = NewThreadExecutor(options);
  return GiveExecutor(&arguments.environment(), std::move(handle));
}

napi_value Stepped(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  const uint64_t seed = arguments.Integer(0, "seed");
  if (arguments.failed()) return nullptr;
  auto stepped = std::make_shared<SteppedExecutor>(seed);
  auto handle = std::make_shared<ExecutorHandle>();
  handle->stepped = stepped.get();
  handle->executor = std::move(stepped);
  return GiveExecutor(&arguments.environment(), std::move(handle));
}

napi_value Step(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  ExecutorHandle* handle = arguments.Handle<ExecutorHandle>(0, "executor");
  if (arguments.failed()) return nullptr;
  if (!handle->stepped) return ThrowInvalid(env, "executor", "must be a stepped one");
  napi_value ran = nullptr;
  napi_get_boolean(env, handle->stepped->Step(), &ran);
  return ran;
}

constexpr Export kExports[] = {
    {"threadExecutor", ThreadExecutor}, {"steppedExecutor", Stepped}, {"step", Step}};

}  // namespace

Exports ExecutorExports() { return kExports; }

}  // namespace varve::binding
