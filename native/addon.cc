// The addon: every function of index.d.cts, with the environment's data behind it.
#include <napi.h>

#include "binding/environment.h"
#include "binding/exports.h"

namespace varve::binding {

namespace {

bool Define(Environment* environment, napi_value target, Exports exports) {
  for (const Export& item : exports) {
    napi_property_descriptor property{};
    property.utf8name = item.name;
    property.method = item.function;
    property.attributes = napi_enumerable;
    property.data = environment;
    if (napi_define_properties(environment->env(), target, 1, &property) != napi_ok) return false;
  }
  return true;
}

constexpr Exports (*kFiles[])() = {
    EnvironmentExports, JobExports,        ExecutorExports, DiskExports,       AppendFileExports,
    MemoryDiskExports,  EngineExports,     MemtableExports, TableExports,      WalExports,
    SegmentExports,     RecordExports,     WriteExports,    ReplayExports,     ReadExports,
    ReadManyExports,    EntryExports,      ScanExports,     ScanPageExports,   CountExports,
    MergeExports,       CopyExports,       SalvageExports,  FramedReadExports, PlacedPutExports,
    ReactorExports,     ConnectionExports,
};

}  // namespace

// What is missing after an error is found out by the exception that is pending.
static void DefineAll(napi_env env, napi_value exports) {
  Environment* environment = Environment::Create(env);
  if (!environment) return;
  for (const auto file : kFiles) {
    if (!Define(environment, exports, file())) return;
  }
}

}  // namespace varve::binding

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  varve::binding::DefineAll(env, exports);
  return exports;
}

NODE_API_MODULE(varve, Init)
