// What only a disk in memory can do: fail on request, lose power, show its bytes.
#include <cinttypes>
#include <cstdio>

#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/object_reader.h"

namespace varve::binding {

namespace {

// The file system of argument 0; nullptr after throwing.
template <size_t kCount>
MemoryFileSystem* MemoryOf(napi_env env, Arguments<kCount>* arguments) {
  DiskHandle* disk = arguments->template Handle<DiskHandle>(0, "fs");
  if (arguments->failed()) return nullptr;
  if (!disk->memory) ThrowInvalid(env, "fs", "must be a memory file system");
  return disk->memory;
}

napi_value Crash(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  const uint64_t seed = memory ? arguments.Integer(1, "seed") : 0;
  if (memory && !arguments.failed()) memory->Crash(seed);
  return nullptr;
}

napi_value Kill(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  if (MemoryFileSystem* memory = MemoryOf(env, &arguments)) memory->Kill();
  return nullptr;
}

bool ReadFaults(Environment* environment, napi_value value, FaultPlan* plan) {
  ObjectReader faults(environment, value, "faults");
  plan->at_call = faults.Integer("atCall");
  if (faults.Has("forever")) plan->forever = faults.Boolean("forever");
  if (faults.Has("errno")) plan->os_error = static_cast<int>(faults.Integer("errno", 4095));
  if (faults.Has("shortWrite")) plan->short_write = faults.Boolean("shortWrite");
  if (faults.Has("operations")) {
    plan->operations = static_cast<uint32_t>(faults.Integer("operations", UINT32_MAX));
  }
  return !faults.failed();
}

napi_value Faults(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  // Shared: reading the plan may run JavaScript.
  const auto disk = arguments.Share<DiskHandle>(0, "fs");
  if (!MemoryOf(env, &arguments)) return nullptr;
  FaultPlan plan;
  if (!arguments.IsNull(1) && !ReadFaults(&arguments.environment(), arguments[1], &plan)) {
    return nullptr;
  }
  disk->memory->SetFaults(plan);
  return nullptr;
}

napi_value Calls(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  return memory ? MakeNumber(env, memory->calls()) : nullptr;
}

napi_value Capacity(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  const uint64_t bytes = memory ? arguments.Integer(1, "bytes") : 0;
  if (memory && !arguments.failed()) memory->SetCapacity(bytes);
  return nullptr;
}

napi_value Cold(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  const bool cold = memory && arguments.Boolean(1, "cold");
  if (memory && !arguments.failed()) memory->SetCold(cold);
  return nullptr;
}

napi_value Dump(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  if (!memory) return nullptr;
  const std::string path = arguments.Text(1, "path");
  if (arguments.failed()) return nullptr;
  std::string contents;
  const Status status = memory->Dump(path, &contents);
  return status.ok() ? MakeBuffer(env, contents) : Throw(env, status);
}

napi_value Overwrite(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  if (!memory) return nullptr;
  const std::string path = arguments.Text(1, "path");
  const Slice bytes = arguments.Bytes(2, "bytes");
  if (arguments.failed()) return nullptr;
  const Status status = memory->Overwrite(path, bytes);
  return status.ok() ? nullptr : Throw(env, status);
}

napi_value Digest(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  MemoryFileSystem* memory = MemoryOf(env, &arguments);
  if (!memory) return nullptr;
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, memory->Digest());
  return MakeText(env, Slice(text, 16));
}

constexpr Export kExports[] = {
    {"memoryCrash", Crash}, {"memoryKill", Kill},           {"memoryFaults", Faults},
    {"memoryCalls", Calls}, {"memoryCapacity", Capacity},   {"memoryCold", Cold},
    {"memoryDump", Dump},   {"memoryOverwrite", Overwrite}, {"memoryDigest", Digest},
};

}  // namespace

Exports MemoryDiskExports() { return kExports; }

}  // namespace varve::binding
