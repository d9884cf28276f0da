#include "binding/environment.h"

#include <algorithm>
#include <string>

#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/error.h"
#include "binding/exports.h"
#include "binding/scratch.h"
#include "core/crc32c.h"

namespace varve::binding {

Environment::Environment(napi_env env) : env_(env), scratch_(std::make_unique<LookupScratch>()) {}

Environment::~Environment() = default;

Environment* Environment::Create(napi_env env) {
  std::unique_ptr<Environment> environment(new Environment(env));
  Environment* raw = environment.get();
  const auto destroy = [](napi_env, void* data, void*) {
    std::unique_ptr<Environment> owned(static_cast<Environment*>(data));
  };
  if (!raw->outcomes_.Open(env, OnWake, raw) ||
      napi_set_instance_data(env, raw, destroy, nullptr) != napi_ok) {
    Throw(env, Status(Code::kIoError, "Node.js gave no wake-up function"));
    return nullptr;
  }
  environment.release();
  // Hooks run in reverse order: this one before that of the wake-up function.
  napi_add_env_cleanup_hook(env, EndWork, raw);
  return raw;
}

void Environment::EndWork(void* data) {
  Environment* environment = static_cast<Environment*>(data);
  for (const auto& [id, job] : environment->jobs_) job->progress.cancelled = true;
  for (const auto& handle : environment->executors_) handle->executor->Drain();
  environment->outcomes_.Close();
  environment->jobs_.clear();
  environment->outcomes_.Take().clear();
  environment->handles_.Clear();
  environment->executors_.clear();
}

void Environment::OnWake(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment ends
  Environment* environment = static_cast<Environment*>(context);
  if (!environment->outcomes_.Awake() || !environment->wake_) return;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  if (napi_get_reference_value(env, environment->wake_, &callback) != napi_ok || !callback) return;
  if (napi_get_undefined(env, &receiver) != napi_ok) return;
  if (napi_call_function(env, receiver, callback, 0, nullptr, nullptr) != napi_pending_exception) {
    return;
  }
  // Left pending it would be a mere warning.
  napi_value thrown = nullptr;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

void Environment::SetWake(napi_value callback) {
  if (wake_) napi_delete_reference(env_, wake_);
  wake_ = nullptr;
  napi_create_reference(env_, callback, 1, &wake_);
}

uint64_t Environment::AddJob(Job* job) {
  jobs_.emplace(++last_job_, job);
  return last_job_;
}

Job* Environment::FindJob(double id) {
  if (!(id >= 1 && id <= static_cast<double>(last_job_))) return nullptr;
  const auto found = jobs_.find(static_cast<uint64_t>(id));
  return found == jobs_.end() ? nullptr : found->second;
}

void Environment::KeepExecutor(std::shared_ptr<ExecutorHandle> executor) {
  executors_.push_back(std::move(executor));
}

void Environment::SweepExecutors() {
  const auto unused = [](const std::shared_ptr<ExecutorHandle>& handle) {
    return handle.use_count() == 1 && handle->executor.use_count() == 1;
  };
  executors_.erase(std::remove_if(executors_.begin(), executors_.end(), unused), executors_.end());
}

namespace {

napi_value SetWake(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, arguments[0], &type) != napi_ok || type != napi_function) {
    return ThrowInvalid(env, "callback", "must be a function");
  }
  arguments.environment().SetWake(arguments[0]);
  return nullptr;
}

napi_value KeepAlive(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  const bool on = arguments.Boolean(0, "on");
  if (arguments.failed()) return nullptr;
  arguments.environment().outcomes().KeepAlive(env, on);
  return nullptr;
}

napi_value Release(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  const double handle = arguments.Number(0, "handle");
  if (arguments.failed()) return nullptr;
  std::shared_ptr<void> object;
  if (!arguments.environment().handles().Remove(handle, &object)) {
    return ThrowInvalid(env, "handle", "must be a live handle");
  }
  object.reset();
  arguments.environment().SweepExecutors();
  return nullptr;
}

napi_value About(napi_env env, napi_callback_info) {
  ObjectBuilder about(env);
  about.Text("crc32c", crc32c::Implementation());
  about.Number("contract", kContract);
  about.Number("frameStartBytes", uint64_t{kRecordHeaderBytes});
  about.Number("frameEndBytes", uint64_t{kRecordAlignment});
  return about.value();
}

napi_value Crc32c(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  const Slice bytes = arguments.Bytes(0, "bytes");
  const uint64_t start = arguments.IsUndefined(1) ? 0 : arguments.Integer(1, "start", UINT32_MAX);
  if (arguments.failed()) return nullptr;
  return MakeNumber(env, crc32c::Extend(static_cast<uint32_t>(start), bytes.data(), bytes.size()));
}

// process.getBuiltinModule('node:worker_threads').markAsUntransferable, the only way there is.
napi_value FindMarker(napi_env env, napi_value* module) {
  napi_value global = nullptr, process = nullptr, get = nullptr, name = nullptr, marker = nullptr;
  if (napi_get_global(env, &global) != napi_ok ||
      napi_get_named_property(env, global, "process", &process) != napi_ok ||
      napi_get_named_property(env, process, "getBuiltinModule", &get) != napi_ok ||
      napi_create_string_utf8(env, "node:worker_threads", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_call_function(env, process, get, 1, &name, module) != napi_ok ||
      napi_get_named_property(env, *module, "markAsUntransferable", &marker) != napi_ok) {
    return nullptr;
  }
  return marker;
}

napi_value MarkUntransferable(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  bool is_buffer = false;
  if (napi_is_arraybuffer(env, arguments[0], &is_buffer) != napi_ok || !is_buffer) {
    return ThrowInvalid(env, "buffer", "must be an ArrayBuffer");
  }
  napi_value module = nullptr;
  napi_value marker = FindMarker(env, &module);
  if (!marker || napi_call_function(env, module, marker, 1, &arguments[0], nullptr) != napi_ok) {
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (!pending) return Throw(env, Status::Unsupported("this Node.js cannot mark buffers"));
  }
  return nullptr;
}

// One that cannot be detached keeps its memory until it is collected.
napi_value Discard(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  bool is_buffer = false;
  if (napi_is_arraybuffer(env, arguments[0], &is_buffer) != napi_ok || !is_buffer) {
    return ThrowInvalid(env, "buffer", "must be an ArrayBuffer");
  }
  napi_detach_arraybuffer(env, arguments[0]);
  return nullptr;
}

constexpr Export kExports[] = {
    {"setWake", SetWake},
    {"keepAlive", KeepAlive},
    {"release", Release},
    {"discard", Discard},
    {"about", About},
    {"crc32c", Crc32c},
    {"markUntransferable", MarkUntransferable},
};

}  // namespace

Exports EnvironmentExports() { return kExports; }

}  // namespace varve::binding
