// Executor: runs jobs, by lane. Threads drive it in production; tests and the
// simulator step it by hand, so that the same seed gives the same order.
//
// Lanes keep kinds of work apart: a compaction never delays a sync. Jobs of
// a lane start in the order they were submitted; lanes of one thread also finish so.
// Every task is run exactly once: what is still queued when an executor is destroyed runs
// then. Where the system refuses a lane its first thread, its tasks run on the caller.
// Thread safety: Submit from any thread, tasks included.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace varve {

enum class Lane : uint8_t {
  kSync = 0,     // wal syncs: one thread, high priority
  kWrite = 1,    // large batches, applied off the loop: one thread
  kDisk = 2,     // manifest, directory and file housekeeping: one thread
  kRead = 3,     // reads that need the disk: `read_threads`
  kFlush = 4,    // memtable → table: one thread, niced
  kCompact = 5,  // table → table, verification: `compact_threads`, niced
};
inline constexpr int kLanes = 6;

class Executor {
 public:
  using Task = std::function<void()>;
  virtual ~Executor() = default;
  virtual void Submit(Lane lane, Task task) = 0;
  // Waits until nothing runs and nothing is queued (tasks may submit more till then), then
  // refuses further tasks (runs them at once, on the caller). What tasks captured is gone
  // when it returns. REQUIRES: not called by a task.
  virtual void Drain() = 0;
};

struct ExecutorOptions {
  int read_threads = 2;
  int compact_threads = 1;
};
// Threads start when their lane gets its first task.
std::unique_ptr<Executor> NewThreadExecutor(const ExecutorOptions& options);

class SteppedExecutor final : public Executor {
 public:
  explicit SteppedExecutor(uint64_t seed);  // 0: strictly first come, first served
  ~SteppedExecutor() override;
  void Submit(Lane lane, Task task) override;
  void Drain() override;
  // Runs one task on the calling thread: of a lane chosen by the seed. False: nothing was queued.
  bool Step();
  size_t queued() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve
