// Memtables, as the control plane makes and weighs them.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"

namespace varve::binding {

namespace {

constexpr uint64_t kBytesExpectedMax = uint64_t{1} << 32;

napi_value CreateMemtable(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  arguments.Handle<Engine>(0, "engine");
  const uint64_t bytes_expected = arguments.Integer(1, "bytesExpected", kBytesExpectedMax);
  if (arguments.failed()) return nullptr;
  return GiveHandle(&arguments.environment(), std::make_shared<Memtable>(bytes_expected));
}

napi_value MemtableStats(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Memtable* memtable = arguments.Handle<Memtable>(0, "memtable");
  if (arguments.failed()) return nullptr;
  ObjectBuilder stats(env);
  stats.Number("bytes", memtable->bytes());
  stats.Number("entries", memtable->entries());
  stats.Number("tombstones", memtable->tombstones());
  stats.Number("rangeTombstones", memtable->ranges().size());
  stats.Number("expiring", memtable->expiring());
  return stats.value();
}

constexpr Export kExports[] = {{"createMemtable", CreateMemtable},
                               {"memtableStats", MemtableStats}};

}  // namespace

Exports MemtableExports() { return kExports; }

}  // namespace varve::binding
