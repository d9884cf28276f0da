// Lookups of one key: at once, with arguments (engine, space, key, sequence, nowMs, tier, …), or by
// a job, with arguments (engine, space, key, sequence, nowMs, …).
#pragma once

#include <memory>
#include <string>

#include "binding/answers.h"
#include "binding/arguments.h"
#include "binding/jobs.h"
#include "binding/keys.h"

namespace varve::binding {

// nullptr, having thrown.
inline napi_value ThrowNoView(napi_env env) {
  return Throw(env, Status::InvalidArgument("the engine has no view yet"));
}

// False after throwing. `result` keeps what `finding` borrows readable.
template <size_t kCount>
bool LookUp(napi_env env, Arguments<kCount>* arguments, LookupResult* result, Finding* finding) {
  Engine* engine = arguments->template Handle<Engine>(0, "engine");
  if (!engine) return false;
  const uint64_t space = arguments->Integer(1, "space", kSpaceMax);
  const ReadAs as = ReadAsArguments(*engine, arguments, 3);
  KeyArgument key;
  if (arguments->failed() || !key.Read(env, (*arguments)[2], space)) return false;
  const View* view = engine->view().get();
  if (!view) return ThrowNoView(env) != nullptr;
  Status status = view->Get(key.Lookup(as.sequence), as.tier, result);
  if (status.ok()) status = Decide(*result, as.now_ms, finding);
  if (status.ok()) return true;
  finding->answer = kWouldBlock;
  if (status.IsWouldBlock()) return true;
  Throw(env, status);
  return false;
}

// Work of a job that looks a key up; what is made of it is its heir's.
struct LookUpWork {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<const View> view;
  std::string key;
  LookupKey lookup;
  uint64_t now_ms = 0;
  // out
  LookupResult result;
  Finding finding;

  Status Run(JobProgress*) {
    lookup.key = key;
    VARVE_TRY(view->Get(lookup, ReadTier::kMayBlock, &result));
    return Decide(result, now_ms, &finding);
  }
  // False after throwing: the caller did not say what time it is.
  bool Timely(napi_env env) const {
    if (finding.answer != kNeedsTime) return true;
    ThrowInvalid(env, "nowMs", "must be the time: the entry expires");
    return false;
  }
};

// False after throwing.
template <size_t kCount>
bool ReadLookUp(napi_env env, Arguments<kCount>* arguments, LookUpWork* work) {
  work->engine = arguments->template Share<Engine>(0, "engine");
  if (arguments->failed()) return false;
  const uint64_t space = arguments->Integer(1, "space", kSpaceMax);
  const Sequence sequence = SequenceArgument(*work->engine, arguments, 3);
  work->now_ms = arguments->Integer(4, "nowMs");
  KeyArgument key;
  if (arguments->failed() || !key.Read(env, (*arguments)[2], space)) return false;
  work->view = work->engine->view();
  if (!work->view) return ThrowNoView(env) != nullptr;
  work->key = key.stored();
  work->lookup = key.Lookup(sequence);
  return true;
}

template <class Work>
napi_value StartLookUp(Environment* environment, Work work) {
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(environment, executor, Lane::kRead, std::move(work));
}

}  // namespace varve::binding
