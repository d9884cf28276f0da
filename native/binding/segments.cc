// Segments of the log: made, begun, dropped.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"
#include "binding/jobs.h"
#include "binding/segment_identity.h"
#include "core/wal_replay.h"

namespace varve::binding {

bool ToLife(napi_env env, napi_value value, const char* what, uint64_t* life) {
  char* data = nullptr;
  size_t size = 0;
  if (!ToBytes(env, value, what, &data, &size)) return false;
  *life = size == 8 ? DecodeFixed64(data) : 0;
  if (*life == 0) ThrowInvalid(env, what, "must be 8 bytes, not all zero");
  return *life != 0;
}

namespace {

constexpr uint64_t kReserveBytesMax = uint64_t{1} << 31;

struct PrepareSegmentWork {
  using Prepare = Status (*)(FileSystem*, const std::string&, uint64_t,
                             std::shared_ptr<WalSegment>*);
  std::shared_ptr<Engine> engine;
  std::string path;
  uint64_t reserve_bytes = 0;
  Prepare prepare = nullptr;
  std::shared_ptr<WalSegment> segment;

  Status Run(JobProgress*) { return prepare(engine->fs(), path, reserve_bytes, &segment); }
  napi_value Result(Environment* environment) {
    return GiveHandle(environment, std::move(segment));
  }
};

template <PrepareSegmentWork::Prepare kPrepare>
napi_value PrepareSegment(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  PrepareSegmentWork work;
  work.engine = arguments.Share<Engine>(0, "engine");
  work.path = arguments.Text(1, "path");
  work.reserve_bytes = arguments.Integer(2, "reserveBytes", kReserveBytesMax);
  work.prepare = kPrepare;
  if (arguments.failed()) return nullptr;
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kDisk, std::move(work));
}

napi_value ActivateSegment(napi_env env, napi_callback_info info) {
  Arguments<5> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  auto segment = arguments.Share<WalSegment>(1, "segment");
  SegmentIdentity identity;
  identity.number = arguments.Integer(2, "number");
  identity.id = arguments.Id(3, "id");
  if (arguments.failed() || !ToLife(env, arguments[4], "life", &identity.life)) return nullptr;
  if (segment->begun()) return ThrowInvalid(env, "segment", "must not have begun");
  const Status status = engine->Rotate(std::move(segment), identity);
  return status.ok() ? nullptr : Throw(env, status);
}

napi_value SegmentBytes(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  WalSegment* segment = arguments.Handle<WalSegment>(0, "segment");
  return arguments.failed() ? nullptr : MakeNumber(env, segment->bytes());
}

napi_value DropSegments(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  const uint64_t index = arguments.Integer(1, "index");
  if (arguments.failed()) return nullptr;
  std::vector<std::string> paths;
  const Status status = engine->DropSegments(index, &paths);
  return status.ok() ? MakeTextArray(env, paths) : Throw(env, status);
}

struct DescribeWork {
  std::shared_ptr<FileSystem> fs;
  std::string path;
  std::string text;

  Status Run(JobProgress*) {
    return DescribeSegment(fs.get(), path,
                           [this](const std::string& line) { text.append(line).push_back('\n'); });
  }
  napi_value Result(Environment* environment) { return MakeText(environment->env(), text); }
};

napi_value Describe(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  ExecutorHandle* executor = arguments.Handle<ExecutorHandle>(0, "executor");
  DiskHandle* disk = arguments.Handle<DiskHandle>(1, "fs");
  DescribeWork work;
  work.path = arguments.Text(2, "path");
  if (arguments.failed()) return nullptr;
  work.fs = disk->fs;
  return StartJob(&arguments.environment(), executor->executor, Lane::kDisk, std::move(work));
}

constexpr Export kExports[] = {
    {"createSegment", PrepareSegment<&WalSegment::Create>},
    {"recycleSegment", PrepareSegment<&WalSegment::Recycle>},
    {"activateSegment", ActivateSegment},
    {"segmentBytes", SegmentBytes},
    {"dropSegments", DropSegments},
    {"describeSegment", Describe},
};

}  // namespace

Exports SegmentExports() { return kExports; }

}  // namespace varve::binding
