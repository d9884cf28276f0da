// Reads of one key's entry: its value, when that is wanted, and the facts about it.
#include <cstring>

#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/look_up.h"

namespace varve::binding {

namespace {

constexpr size_t kFacts = 2;  // sequence, expiresAt

napi_value GetEntry(napi_env env, napi_callback_info info) {
  Arguments<9> arguments(env, info);
  double* facts = arguments.Facts(6, kFacts);
  size_t slab_size = 0;
  char* slab = arguments.Bytes(7, "slab", &slab_size);
  const uint64_t offset = arguments.Integer(8, "offset");
  LookupResult result;
  Finding finding;
  if (arguments.failed() || !LookUp(env, &arguments, &result, &finding)) return nullptr;
  if (finding.answer != kFound) return MakeInteger(env, finding.answer);
  facts[0] = static_cast<double>(result.sequence);
  facts[1] = static_cast<double>(finding.expires_at);
  const Slice value = finding.value;
  const int32_t size = static_cast<int32_t>(value.size());
  if (slab_size == 0 || size == 0) return MakeInteger(env, size);
  if (offset > slab_size || value.size() > slab_size - offset) {
    return MakeInteger(env, kTooLong - size);
  }
  std::memcpy(slab + offset, value.data(), value.size());
  return MakeInteger(env, size);
}

struct GetEntryWork : LookUpWork {
  bool wants_value = false;

  napi_value Result(Environment* environment) {
    const napi_env env = environment->env();
    if (!Timely(env)) return nullptr;
    if (finding.answer != kFound) return Undefined(environment);
    ObjectBuilder entry(env);
    if (wants_value) entry.Bytes("value", finding.value);
    entry.Number("sequence", result.sequence);
    entry.Number("expiresAt", finding.expires_at);
    return entry.value();
  }
};

napi_value GetEntryJob(napi_env env, napi_callback_info info) {
  Arguments<6> arguments(env, info);
  GetEntryWork work;
  work.wants_value = arguments.Boolean(5, "wantsValue");
  if (arguments.failed() || !ReadLookUp(env, &arguments, &work)) return nullptr;
  return StartLookUp(&arguments.environment(), std::move(work));
}

constexpr Export kExports[] = {{"getEntry", GetEntry}, {"getEntryJob", GetEntryJob}};

}  // namespace

Exports EntryExports() { return kExports; }

}  // namespace varve::binding
