// Files that are only appended to, write and sync in one: manifests.
#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/give.h"
#include "binding/jobs.h"

namespace varve::binding {

namespace {

struct OpenAppendWork {
  std::shared_ptr<FileSystem> fs;
  std::string path;
  bool create = false;
  std::shared_ptr<AppendFile> opened;

  Status Run(JobProgress*) {
    auto file = std::make_shared<AppendFile>();
    const OpenMode mode = create ? OpenMode::kCreateExclusive : OpenMode::kReadWrite;
    VARVE_TRY(fs->Open(path, mode, &file->file));
    VARVE_TRY(file->file->Size(&file->end));
    opened = std::move(file);
    return Status::Ok();
  }
  napi_value Result(Environment* environment) { return GiveHandle(environment, std::move(opened)); }
};

napi_value OpenAppend(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  const auto executor = arguments.Share<ExecutorHandle>(0, "executor");
  const auto disk = arguments.Share<DiskHandle>(1, "fs");
  OpenAppendWork work;
  work.path = arguments.Text(2, "path");
  work.create = arguments.Integer(3, "mode", 1) == 1;
  if (arguments.failed()) return nullptr;
  work.fs = disk->fs;
  return StartJob(&arguments.environment(), executor->executor, Lane::kDisk, std::move(work));
}

struct AppendWork {
  std::shared_ptr<AppendFile> file;
  std::string bytes;

  // No space from a sync is no matter of space: what is on disk is not known.
  Status Sync() {
    Status status = file->file->SyncData();
    if (status.code() != Code::kNoSpace) return status;
    status = Status(Code::kIoError, "no space from a sync: " + status.message());
    return status.InFile(file->file->path());
  }

  Status Run(JobProgress*) {
    if (!file->failed.ok()) return file->failed;
    Status status = file->file->WriteAt(file->end, bytes);
    if (status.ok()) status = Sync();
    if (status.ok()) {
      file->end += bytes.size();
    } else {
      file->failed = status;
    }
    return status;
  }
  napi_value Result(Environment* environment) { return Undefined(environment); }
};

napi_value Append(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  const auto executor = arguments.Share<ExecutorHandle>(0, "executor");
  AppendWork work;
  work.file = arguments.Share<AppendFile>(1, "file");
  work.bytes = arguments.Bytes(2, "bytes");
  if (arguments.failed()) return nullptr;
  return StartJob(&arguments.environment(), executor->executor, Lane::kDisk, std::move(work));
}

constexpr Export kExports[] = {{"openAppend", OpenAppend}, {"append", Append}};

}  // namespace

Exports AppendFileExports() { return kExports; }

}  // namespace varve::binding
