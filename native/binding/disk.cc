// File systems, and what is done to whole files and directories: jobs on lane `disk`.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"
#include "binding/jobs.h"

namespace varve::binding {

namespace {

napi_value PosixFiles(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  auto handle = std::make_shared<DiskHandle>();
  handle->fs = std::shared_ptr<FileSystem>(PosixFileSystem(), [](FileSystem*) {});
  return GiveHandle(&arguments.environment(), std::move(handle));
}

napi_value MemoryFiles(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  auto memory = std::make_shared<MemoryFileSystem>();
  auto handle = std::make_shared<DiskHandle>();
  handle->memory = memory.get();
  handle->fs = std::move(memory);
  return GiveHandle(&arguments.environment(), std::move(handle));
}

// What most of these jobs are about.
struct DiskWork {
  std::shared_ptr<FileSystem> fs;
  std::string path;
  napi_value Result(Environment* environment) { return Undefined(environment); }
};

// Reads (executor, fs, path, …) and starts the job once `more` has read the rest.
template <class Work, size_t kCount, class More>
napi_value StartDiskJob(napi_env env, napi_callback_info info, More more) {
  Arguments<kCount> arguments(env, info);
  const auto executor = arguments.template Share<ExecutorHandle>(0, "executor");
  const auto disk = arguments.template Share<DiskHandle>(1, "fs");
  Work work;
  work.path = arguments.Text(2, "path");
  more(&arguments, &work);
  if (arguments.failed()) return nullptr;
  work.fs = disk->fs;
  return StartJob(&arguments.environment(), executor->executor, Lane::kDisk, std::move(work));
}

struct ReadFileWork : DiskWork {
  uint64_t bytes_max = 0;
  std::string contents;
  Status Run(JobProgress*) { return ReadWholeFile(fs.get(), path, bytes_max, &contents); }
  napi_value Result(Environment* environment) { return MakeBuffer(environment->env(), contents); }
};
napi_value ReadFile(napi_env env, napi_callback_info info) {
  return StartDiskJob<ReadFileWork, 4>(env, info, [](auto* arguments, ReadFileWork* work) {
    work->bytes_max = arguments->Integer(3, "bytesMax");
  });
}

struct WriteFileWork : DiskWork {
  std::string contents;
  Status Run(JobProgress*) { return WriteWholeFile(fs.get(), path, contents); }
};
napi_value WriteFile(napi_env env, napi_callback_info info) {
  return StartDiskJob<WriteFileWork, 4>(env, info, [](auto* arguments, WriteFileWork* work) {
    work->contents = arguments->Bytes(3, "bytes");
  });
}

// Calls of a FileSystem with one path, or with two.
template <Status (FileSystem::*kCall)(const std::string&)>
struct PathWork : DiskWork {
  Status Run(JobProgress*) { return (fs.get()->*kCall)(path); }
};
template <Status (FileSystem::*kCall)(const std::string&)>
napi_value OnePath(napi_env env, napi_callback_info info) {
  return StartDiskJob<PathWork<kCall>, 3>(env, info, [](auto*, auto*) {});
}

template <Status (FileSystem::*kCall)(const std::string&, const std::string&)>
struct TwoPathWork : DiskWork {
  std::string to;
  Status Run(JobProgress*) { return (fs.get()->*kCall)(path, to); }
};
template <Status (FileSystem::*kCall)(const std::string&, const std::string&)>
napi_value TwoPaths(napi_env env, napi_callback_info info) {
  return StartDiskJob<TwoPathWork<kCall>, 4>(
      env, info, [](auto* arguments, auto* work) { work->to = arguments->Text(3, "to"); });
}

struct ListWork : DiskWork {
  std::vector<std::string> names;
  Status Run(JobProgress*) { return fs->List(path, &names); }
  napi_value Result(Environment* environment) { return MakeTextArray(environment->env(), names); }
};
napi_value List(napi_env env, napi_callback_info info) {
  return StartDiskJob<ListWork, 3>(env, info, [](auto*, auto*) {});
}

struct StatWork : DiskWork {
  FileStat found;
  Status Run(JobProgress*) { return fs->Stat(path, &found); }
  napi_value Result(Environment* environment) {
    ObjectBuilder stat(environment->env());
    stat.Number("size", found.size);
    stat.Number("allocatedBytes", found.allocated_bytes);
    stat.Number("modifiedMs", static_cast<double>(found.modified_ms));
    stat.Number("device", found.device);
    stat.Number("inode", found.inode);
    stat.Boolean("isDirectory", found.is_directory);
    return stat.value();
  }
};
napi_value Stat(napi_env env, napi_callback_info info) {
  return StartDiskJob<StatWork, 3>(env, info, [](auto*, auto*) {});
}

struct FreeBytesWork : DiskWork {
  uint64_t bytes = 0;
  Status Run(JobProgress*) { return fs->FreeBytes(path, &bytes); }
  napi_value Result(Environment* environment) { return MakeNumber(environment->env(), bytes); }
};
napi_value FreeBytes(napi_env env, napi_callback_info info) {
  return StartDiskJob<FreeBytesWork, 3>(env, info, [](auto*, auto*) {});
}

struct LockWork : DiskWork {
  bool exclusive = false;
  std::string owner;
  std::unique_ptr<FileLock> lock;
  Status Run(JobProgress*) { return fs->Lock(path, exclusive, owner, &lock); }
  napi_value Result(Environment* environment) {
    return GiveHandle(environment, std::shared_ptr<FileLock>(std::move(lock)));
  }
};
napi_value Lock(napi_env env, napi_callback_info info) {
  return StartDiskJob<LockWork, 5>(env, info, [](auto* arguments, LockWork* work) {
    work->exclusive = arguments->Boolean(3, "exclusive");
    work->owner = arguments->Text(4, "owner");
  });
}

constexpr Export kExports[] = {
    {"posixFileSystem", PosixFiles},
    {"memoryFileSystem", MemoryFiles},
    {"readFile", ReadFile},
    {"writeFile", WriteFile},
    {"rename", TwoPaths<&FileSystem::Rename>},
    {"link", TwoPaths<&FileSystem::Link>},
    {"unlink", OnePath<&FileSystem::Unlink>},
    {"makeDirectory", OnePath<&FileSystem::MakeDirectory>},
    {"removeDirectory", OnePath<&FileSystem::RemoveDirectory>},
    {"syncDirectory", OnePath<&FileSystem::SyncDirectory>},
    {"list", List},
    {"stat", Stat},
    {"freeBytes", FreeBytes},
    {"lock", Lock},
};

}  // namespace

Exports DiskExports() { return kExports; }

}  // namespace varve::binding
