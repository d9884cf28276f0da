// Reads of one key. The hot ones allocate nothing.
#include <cstring>

#include "binding/answers.h"
#include "binding/arguments.h"
#include "binding/ascii.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "binding/keys.h"

namespace varve::binding {

namespace {

napi_value ThrowNoView(napi_env env) {
  return Throw(env, Status::InvalidArgument("the engine has no view yet"));
}

// Looks up with arguments (engine, space, key, sequence, nowMs, tier, …). False after throwing.
template <size_t kCount>
bool LookUp(napi_env env, Arguments<kCount>* arguments, LookupResult* result, int32_t* answer,
            Slice* value) {
  Engine* engine = arguments->template Handle<Engine>(0, "engine");
  if (!engine) return false;
  const uint64_t space = arguments->Integer(1, "space", kSpaceMax);
  const ReadAs as = ReadAsArguments(*engine, arguments, 3);
  KeyArgument key;
  if (arguments->failed() || !key.Read(env, (*arguments)[2], space)) return false;
  const View* view = engine->view().get();
  if (!view) return ThrowNoView(env) != nullptr;
  Status status = view->Get(key.Lookup(as.sequence), as.tier, result);
  if (status.ok()) status = Decide(*result, as.now_ms, answer, value);
  if (status.ok()) return true;
  *answer = kWouldBlock;
  if (status.IsWouldBlock()) return true;
  Throw(env, status);
  return false;
}

napi_value Get(napi_env env, napi_callback_info info) {
  Arguments<8> arguments(env, info);
  size_t slab_size = 0;
  char* slab = arguments.Bytes(6, "slab", &slab_size);
  const uint64_t offset = arguments.Integer(7, "offset");
  LookupResult result;
  int32_t answer = kMissing;
  Slice value;
  if (arguments.failed() || !LookUp(env, &arguments, &result, &answer, &value)) return nullptr;
  if (answer != kFound) return MakeInteger(env, answer);
  const int32_t size = static_cast<int32_t>(value.size());
  if (offset > slab_size || value.size() > slab_size - offset) {
    return MakeInteger(env, kTooLong - size);
  }
  if (size != 0) std::memcpy(slab + offset, value.data(), value.size());
  return MakeInteger(env, size);
}

napi_value GetText(napi_env env, napi_callback_info info) {
  Arguments<6> arguments(env, info);
  LookupResult result;
  int32_t answer = kMissing;
  Slice value;
  if (!LookUp(env, &arguments, &result, &answer, &value)) return nullptr;
  if (answer != kFound) return MakeInteger(env, answer);
  napi_value text = nullptr;
  const napi_status made = IsAscii(value)
                               ? napi_create_string_latin1(env, value.data(), value.size(), &text)
                               : napi_create_string_utf8(env, value.data(), value.size(), &text);
  if (made == napi_ok) return text;
  return Throw(env, Status(Code::kTooLarge, "the value is too long for a string"));
}

napi_value Has(napi_env env, napi_callback_info info) {
  Arguments<6> arguments(env, info);
  LookupResult result;
  int32_t answer = kMissing;
  Slice value;
  if (!LookUp(env, &arguments, &result, &answer, &value)) return nullptr;
  return MakeInteger(env, answer == kFound ? 1 : answer);
}

struct GetWork {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<const View> view;
  std::string key;
  LookupKey lookup;
  uint64_t now_ms = 0;
  // out
  LookupResult result;
  int32_t answer = kMissing;
  Slice value;

  Status Run(JobProgress*) {
    lookup.key = key;
    VARVE_TRY(view->Get(lookup, ReadTier::kMayBlock, &result));
    return Decide(result, now_ms, &answer, &value);
  }
  napi_value Result(Environment* environment) {
    if (answer == kMissing) return Undefined(environment);
    if (answer == kFound) return MakeBuffer(environment->env(), value);
    return ThrowInvalid(environment->env(), "nowMs", "must be the time: the entry expires");
  }
};

napi_value GetJob(napi_env env, napi_callback_info info) {
  Arguments<5> arguments(env, info);
  GetWork work;
  work.engine = arguments.Share<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  const uint64_t space = arguments.Integer(1, "space", kSpaceMax);
  const Sequence sequence = SequenceArgument(*work.engine, &arguments, 3);
  work.now_ms = arguments.Integer(4, "nowMs");
  KeyArgument key;
  if (arguments.failed() || !key.Read(env, arguments[2], space)) return nullptr;
  work.view = work.engine->view();
  if (!work.view) return ThrowNoView(env);
  work.key = key.stored();
  work.lookup = key.Lookup(sequence);
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kRead, std::move(work));
}

constexpr Export kExports[] = {
    {"get", Get}, {"getText", GetText}, {"has", Has}, {"getJob", GetJob}};

}  // namespace

Exports ReadExports() { return kExports; }

}  // namespace varve::binding
