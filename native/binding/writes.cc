// Writes: batches that are logged, applied and made visible in one call.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/frame.h"
#include "binding/jobs.h"

namespace varve::binding {

namespace {

template <size_t kCount>
bool ReadRequest(napi_env env, Arguments<kCount>* arguments, WriteRequest* request) {
  request->payload_bytes = arguments->Integer(2, "payloadBytes");
  request->operations = static_cast<uint32_t>(arguments->Integer(3, "operations", UINT32_MAX));
  request->time_ms = arguments->Integer(4, "timeMs");
  request->frame = FrameArgument(env, arguments, 1, request->payload_bytes);
  return request->frame != nullptr;
}

napi_value Write(napi_env env, napi_callback_info info) {
  Arguments<5> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  WriteRequest request;
  if (!ReadRequest(env, &arguments, &request)) return nullptr;
  uint64_t memtable_bytes = 0;
  const Status status = engine->Write(request, &memtable_bytes);
  return status.ok() ? MakeNumber(env, memtable_bytes) : Throw(env, status);
}

// Holds the frame until the write is done. It stands in the engine's queue from the start, so it is
// run even when it was cancelled: that takes it out.
class WriteLater final : public Job {
 public:
  WriteLater(napi_env env, napi_ref frame, std::shared_ptr<Engine> engine,
             const WriteRequest& request)
      : env_(env), frame_(frame), engine_(std::move(engine)) {
    write_.request = request;
    write_.cancelled = &progress.cancelled;
    engine_->EnqueueWrite(&write_);
  }
  ~WriteLater() override { napi_delete_reference(env_, frame_); }

  Status Run() override {
    engine_->FinishWrite(&write_);
    return write_.status;
  }
  napi_value Result(Environment* environment) override {
    return MakeNumber(environment->env(), write_.memtable_bytes);
  }

 private:
  const napi_env env_;
  const napi_ref frame_;
  const std::shared_ptr<Engine> engine_;
  QueuedWrite write_;
};

napi_value WriteJob(napi_env env, napi_callback_info info) {
  Arguments<5> arguments(env, info);
  auto engine = arguments.Share<Engine>(0, "engine");
  WriteRequest request;
  if (!ReadRequest(env, &arguments, &request)) return nullptr;
  napi_ref frame = nullptr;
  if (napi_create_reference(env, arguments[1], 1, &frame) != napi_ok) return nullptr;
  Executor* executor = engine->executor().get();
  return SubmitJob(&arguments.environment(), executor, Lane::kWrite,
                   std::make_unique<WriteLater>(env, frame, std::move(engine), request));
}

napi_value WaitForWrites(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (!arguments.failed()) engine->WaitForWrites();
  return nullptr;
}

constexpr Export kExports[] = {
    {"write", Write}, {"writeJob", WriteJob}, {"waitForWrites", WaitForWrites}};

}  // namespace

Exports WriteExports() { return kExports; }

}  // namespace varve::binding
