// Engine: what one open database owns of the data plane: cache, log, present view, visible
// sequence; and the order in which writes reach log and memtable.
//
// Thread safety: one thread, the owner, calls everything but what is marked otherwise.
//
// Invariants:
//  1. Log and memtable are written under one mutex, in the order the writes were asked for: a
//  queued
//     write (EnqueueWrite) comes before everything the owner asks for later.
//  2. A sequence becomes visible after all entries up to it are in the memtable.
//  3. A batch is parsed whole before it is logged, so a record that was logged can be applied. When
//     applying fails all the same (no memory), the engine takes no more writes: what was applied of
//     the batch stays invisible.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/cache.h"
#include "core/executor.h"
#include "core/file.h"
#include "core/table_reader.h"
#include "core/view.h"
#include "core/wal.h"

namespace varve {

// One record of batches to be logged and applied. `frame` as Wal::Append wants it.
struct WriteRequest {
  char* frame = nullptr;
  size_t payload_bytes = 0;
  uint32_t operations = 0;
  uint64_t time_ms = 0;
};

// A write that waits its turn. Its maker keeps it until FinishWrite has returned.
struct QueuedWrite {
  WriteRequest request;
  const std::atomic<bool>* cancelled = nullptr;
  // out
  bool done = false;
  Status status{};
  uint64_t memtable_bytes = 0;
};

class Engine {
 public:
  Engine(std::shared_ptr<FileSystem> fs, std::shared_ptr<Executor> executor, size_t cache_bytes);

  FileSystem* fs() const { return fs_.get(); }
  const std::shared_ptr<Executor>& executor() const { return executor_; }
  const std::shared_ptr<BlockCache>& cache() const { return cache_; }
  const std::shared_ptr<ReadCounters>& counters() const { return counters_; }
  std::atomic<uint64_t>& scans() { return scans_; }  // open ones; any thread

  // Reads and writes go through `view` from now on. Waits for writes that run or wait.
  void SetView(std::shared_ptr<const View> view);
  // Null until SetView.
  const std::shared_ptr<const View>& view() const { return view_; }
  // Any thread.
  Sequence visible_sequence() const { return visible_.load(std::memory_order_acquire); }

  // Gives the engine its log; once. Sequences up to `visible` become visible.
  Status OpenWal(std::shared_ptr<Wal> wal, Sequence visible);
  // Null until OpenWal.
  const std::shared_ptr<Wal>& wal() const { return wal_; }
  Status Rotate(std::shared_ptr<WalSegment> segment, const SegmentIdentity& identity);
  // A snapshot took the place of log and tables: goes on from `position`, all of it visible.
  Status Reset(const LogPosition& position, std::string membership);

  // Logs, applies, publishes.
  Status Write(const WriteRequest& request, uint64_t* memtable_bytes);
  // The same later: EnqueueWrite takes its place in the order, FinishWrite (any thread) returns
  // when it is done, having done it and those before it if nobody else did.
  void EnqueueWrite(QueuedWrite* write);
  void FinishWrite(QueuedWrite* write);
  // Returns when no write is queued or runs; runs what is queued on this thread.
  void WaitForWrites();

  // Logs an entry without applying it; entry.count and index as Wal::Append wants them.
  Status AppendEntry(const EntryToAppend& entry, char* frame, size_t payload_bytes);
  Status SetHardState(const HardState& hard_state);
  Status MarkSynced();
  // Applies logged entries [from, to] and makes them visible.
  Status ApplyEntries(uint64_t from, uint64_t to, uint64_t* memtable_bytes);
  Status TruncateAfter(uint64_t index);
  Status DropSegments(uint64_t index, std::vector<std::string>* paths);

 private:
  Status RequireLog() const;
  void NoteTerm();
  void RunQueuedWrites(const QueuedWrite* last);
  Status WriteLocked(const WriteRequest& request, uint64_t* memtable_bytes);

  const std::shared_ptr<FileSystem> fs_;
  const std::shared_ptr<Executor> executor_;
  const std::shared_ptr<BlockCache> cache_;
  const std::shared_ptr<ReadCounters> counters_;
  std::atomic<uint64_t> scans_{0};
  std::atomic<Sequence> visible_{0};

  std::shared_ptr<const View> view_;  // written by the owner, under the mutex
  std::shared_ptr<Wal> wal_;          // likewise

  std::mutex write_mutex_;  // log, memtable, and the two below
  uint64_t term_ = 1;       // of the log's last entry, which batches go on with
  Status failed_;           // why nothing is written any more

  std::mutex queue_mutex_;  // taken inside write_mutex_, for a moment
  std::deque<QueuedWrite*> queue_;
  std::atomic<size_t> queued_{0};
};

}  // namespace varve
