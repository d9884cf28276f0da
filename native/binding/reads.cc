// Reads of one key's value. The hot ones allocate nothing.
#include <cstring>

#include "binding/ascii.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/look_up.h"

namespace varve::binding {

namespace {

napi_value Get(napi_env env, napi_callback_info info) {
  Arguments<8> arguments(env, info);
  size_t slab_size = 0;
  char* slab = arguments.Bytes(6, "slab", &slab_size);
  const uint64_t offset = arguments.Integer(7, "offset");
  LookupResult result;
  Finding finding;
  if (arguments.failed() || !LookUp(env, &arguments, &result, &finding)) return nullptr;
  if (finding.answer != kFound) return MakeInteger(env, finding.answer);
  const Slice value = finding.value;
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
  Finding finding;
  if (!LookUp(env, &arguments, &result, &finding)) return nullptr;
  if (finding.answer != kFound) return MakeInteger(env, finding.answer);
  const Slice value = finding.value;
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
  Finding finding;
  if (!LookUp(env, &arguments, &result, &finding)) return nullptr;
  return MakeInteger(env, finding.answer == kFound ? 1 : finding.answer);
}

struct GetWork : LookUpWork {
  napi_value Result(Environment* environment) {
    if (!Timely(environment->env())) return nullptr;
    if (finding.answer != kFound) return Undefined(environment);
    return MakeBuffer(environment->env(), finding.value);
  }
};

napi_value GetJob(napi_env env, napi_callback_info info) {
  Arguments<5> arguments(env, info);
  GetWork work;
  if (!ReadLookUp(env, &arguments, &work)) return nullptr;
  return StartLookUp(&arguments.environment(), std::move(work));
}

constexpr Export kExports[] = {
    {"get", Get}, {"getText", GetText}, {"has", Has}, {"getJob", GetJob}};

}  // namespace

Exports ReadExports() { return kExports; }

}  // namespace varve::binding
