// Whole files: copied, or only checksummed.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "core/file_copy.h"

namespace varve::binding {

namespace {

napi_value MakeSum(Environment* environment, const FileSum& sum) {
  ObjectBuilder object(environment->env());
  object.Number("bytes", sum.bytes);
  object.Number("crc", uint64_t{sum.crc});
  return object.value();
}

struct ChecksumWork {
  std::shared_ptr<FileSystem> fs;
  std::string path;
  FileSum sum;
  Status Run(JobProgress* progress) { return ChecksumFile(fs.get(), path, progress, &sum); }
  napi_value Result(Environment* environment) { return MakeSum(environment, sum); }
};

napi_value Checksum(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  const auto executor = arguments.Share<ExecutorHandle>(0, "executor");
  const auto disk = arguments.Share<DiskHandle>(1, "fs");
  ChecksumWork work;
  work.path = arguments.Text(2, "path");
  if (arguments.failed()) return nullptr;
  work.fs = disk->fs;
  return StartJob(&arguments.environment(), executor->executor, Lane::kCompact, std::move(work));
}

struct CopyWork {
  std::shared_ptr<FileSystem> fs;
  std::string from, to;
  FileSum sum;
  Status Run(JobProgress* progress) { return CopyFile(fs.get(), from, to, progress, &sum); }
  napi_value Result(Environment* environment) { return MakeSum(environment, sum); }
};

napi_value Copy(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  const auto executor = arguments.Share<ExecutorHandle>(0, "executor");
  const auto disk = arguments.Share<DiskHandle>(1, "fs");
  CopyWork work;
  work.from = arguments.Text(2, "from");
  work.to = arguments.Text(3, "to");
  if (arguments.failed()) return nullptr;
  work.fs = disk->fs;
  return StartJob(&arguments.environment(), executor->executor, Lane::kCompact, std::move(work));
}

constexpr Export kExports[] = {{"checksumFile", Checksum}, {"copyFile", Copy}};

}  // namespace

Exports CopyExports() { return kExports; }

}  // namespace varve::binding
