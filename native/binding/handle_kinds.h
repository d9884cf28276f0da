// What the handles of each kind stand for.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "binding/handles.h"
#include "core/engine.h"
#include "core/executor.h"
#include "core/file.h"
#include "core/file_memory.h"
#include "core/memtable.h"
#include "core/scan.h"
#include "core/table_reader.h"
#include "core/wal.h"

namespace varve::binding {

struct DiskHandle {
  std::shared_ptr<FileSystem> fs;
  MemoryFileSystem* memory = nullptr;  // the same, when it is one
};

struct ExecutorHandle {
  std::shared_ptr<Executor> executor;
  SteppedExecutor* stepped = nullptr;  // the same, when it is one
};

struct TableHandle {
  std::shared_ptr<TableReader> reader;
  std::shared_ptr<Engine> engine;
};

// A user's iterator. `busy` while a job has it.
struct ScanHandle {
  ScanHandle(std::shared_ptr<Engine> owner, std::string space_prefix, ScanOptions options)
      : engine(std::move(owner)),
        prefix(std::move(space_prefix)),
        scan(engine->view(), std::move(options)) {
    engine->scans().fetch_add(1, std::memory_order_relaxed);
  }
  ~ScanHandle() { engine->scans().fetch_sub(1, std::memory_order_relaxed); }

  const std::shared_ptr<Engine> engine;
  const std::string prefix;
  Scan scan;
  bool busy = false;
};

// A file that is only appended to: a manifest. Lane `disk` has one thread, so appends are in order.
struct AppendFile {
  std::unique_ptr<File> file;
  uint64_t end = 0;
  Status failed;  // the first failure, which all later appends get
};

#define VARVE_HANDLE(Type, Kind, Name)                           \
  template <>                                                    \
  struct HandleTraits<Type> {                                    \
    static constexpr HandleKind kKind = HandleKind::Kind;        \
    static constexpr const char* kRule = "must be a live " Name; \
  }
VARVE_HANDLE(DiskHandle, kFileSystem, "FileSystem handle");
VARVE_HANDLE(ExecutorHandle, kExecutor, "Executor handle");
VARVE_HANDLE(Engine, kEngine, "Engine handle");
VARVE_HANDLE(Memtable, kMemtable, "Memtable handle");
VARVE_HANDLE(TableHandle, kTable, "Table handle");
VARVE_HANDLE(WalSegment, kSegment, "Segment handle");
VARVE_HANDLE(ScanHandle, kScan, "Scan handle");
VARVE_HANDLE(AppendFile, kAppendFile, "AppendFile handle");
VARVE_HANDLE(FileLock, kLock, "Lock handle");
#undef VARVE_HANDLE

}  // namespace varve::binding
