#include "core/engine.h"

#include <algorithm>
#include <utility>

namespace varve {

namespace {

Status CheckCount(Slice payload, uint32_t expected) {
  uint64_t operations = 0;
  VARVE_TRY(CheckBatches(payload, &operations));
  if (operations == expected) return Status::Ok();
  return Status::InvalidArgument("the batches hold " + std::to_string(operations) +
                                 " operations, not " + std::to_string(expected));
}

}  // namespace

Engine::Engine(std::shared_ptr<FileSystem> fs, std::shared_ptr<Executor> executor,
               size_t cache_bytes)
    : fs_(std::move(fs)),
      executor_(std::move(executor)),
      cache_(std::make_shared<BlockCache>(cache_bytes)),
      counters_(std::make_shared<ReadCounters>()) {}

void Engine::SetView(std::shared_ptr<const View> view) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  RunQueuedWrites(nullptr);
  view_.swap(view);
}

Status Engine::OpenWal(std::shared_ptr<Wal> wal, Sequence visible) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  if (wal_) return Status::InvalidArgument("the engine has its log already");
  wal_ = std::move(wal);
  NoteTerm();
  visible_.store(visible, std::memory_order_release);
  return Status::Ok();
}

Status Engine::RequireLog() const {
  return wal_ ? Status::Ok() : Status::InvalidArgument("the engine has no log yet");
}

void Engine::NoteTerm() { term_ = std::max<uint64_t>(1, wal_->position().term); }

Status Engine::Rotate(std::shared_ptr<WalSegment> segment, const SegmentIdentity& identity) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  RunQueuedWrites(nullptr);
  return wal_->Rotate(std::move(segment), identity);
}

Status Engine::Reset(const LogPosition& position, std::string membership) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  RunQueuedWrites(nullptr);
  wal_->Reset(position, std::move(membership));
  NoteTerm();
  visible_.store(position.sequence, std::memory_order_release);
  return Status::Ok();
}

Status Engine::Write(const WriteRequest& request, uint64_t* memtable_bytes) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  if (queued_.load(std::memory_order_acquire) != 0) RunQueuedWrites(nullptr);
  return WriteLocked(request, memtable_bytes);
}

Status Engine::WriteLocked(const WriteRequest& request, uint64_t* memtable_bytes) {
  VARVE_TRY(RequireLog());
  if (!view_) return Status::InvalidArgument("the engine has no view yet");
  if (!failed_.ok()) return failed_;
  const Slice payload(request.frame + kRecordHeaderBytes, request.payload_bytes);
  VARVE_TRY(CheckCount(payload, request.operations));
  EntryToAppend entry;
  entry.kind = RecordKind::kBatches;
  entry.term = term_;
  entry.time_ms = request.time_ms;
  entry.count = request.operations;
  VARVE_TRY(wal_->Append(entry, request.frame, request.payload_bytes));
  const RecordHeader logged = DecodeRecordHeader(request.frame);
  Memtable* memtable = view_->memtable().get();
  failed_ = ApplyBatches(payload, logged.first_sequence, logged.count, memtable);
  if (!failed_.ok()) return failed_;
  visible_.store(logged.last_sequence(), std::memory_order_release);
  *memtable_bytes = memtable->bytes();
  return Status::Ok();
}

void Engine::EnqueueWrite(QueuedWrite* write) {
  std::lock_guard<std::mutex> lock(queue_mutex_);
  queue_.push_back(write);
  queued_.fetch_add(1, std::memory_order_release);
}

void Engine::FinishWrite(QueuedWrite* write) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  if (!write->done) RunQueuedWrites(write);
}

void Engine::WaitForWrites() {
  std::lock_guard<std::mutex> lock(write_mutex_);
  RunQueuedWrites(nullptr);
}

// Up to `last`, or all. REQUIRES: write_mutex_ is held.
void Engine::RunQueuedWrites(const QueuedWrite* last) {
  for (;;) {
    QueuedWrite* write = nullptr;
    {
      std::lock_guard<std::mutex> lock(queue_mutex_);
      if (queue_.empty()) return;
      write = queue_.front();
      queue_.pop_front();
      queued_.fetch_sub(1, std::memory_order_release);
    }
    const bool cancelled = write->cancelled && write->cancelled->load(std::memory_order_relaxed);
    write->status =
        cancelled ? Status::Aborted() : WriteLocked(write->request, &write->memtable_bytes);
    write->done = true;
    if (write == last) return;
  }
}

Status Engine::AppendEntry(const EntryToAppend& entry, char* frame, size_t payload_bytes) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  RunQueuedWrites(nullptr);
  if (entry.kind == RecordKind::kBatches) {
    VARVE_TRY(CheckCount(Slice(frame + kRecordHeaderBytes, payload_bytes), entry.count));
  } else if (entry.count != 0) {
    return Status::InvalidArgument("only a record of batches has operations");
  }
  Status status = wal_->Append(entry, frame, payload_bytes);
  NoteTerm();
  return status;
}

Status Engine::SetHardState(const HardState& hard_state) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  return wal_->SetHardState(hard_state);
}

Status Engine::MarkSynced() {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  return wal_->MarkSynced();
}

Status Engine::ApplyEntries(uint64_t from, uint64_t to, uint64_t* memtable_bytes) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  if (!view_) return Status::InvalidArgument("the engine has no view yet");
  RunQueuedWrites(nullptr);
  if (!failed_.ok()) return failed_;
  if (from > to || from < wal_->first_index() || to > wal_->last_index()) {
    return Status::InvalidArgument("the log does not hold entries " + std::to_string(from) +
                                   " to " + std::to_string(to));
  }
  Memtable* memtable = view_->memtable().get();
  LogPosition applied;
  failed_ = wal_->Apply(from, to, ~uint64_t{0}, memtable, &applied);
  if (!failed_.ok()) return failed_;
  if (applied.sequence > visible_.load(std::memory_order_relaxed)) {
    visible_.store(applied.sequence, std::memory_order_release);
  }
  *memtable_bytes = memtable->bytes();
  return Status::Ok();
}

Status Engine::TruncateAfter(uint64_t index) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  RunQueuedWrites(nullptr);
  Status status = wal_->TruncateAfter(index);
  NoteTerm();
  return status;
}

Status Engine::DropSegments(uint64_t index, std::vector<std::string>* paths) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  VARVE_TRY(RequireLog());
  *paths = wal_->DropBefore(index);
  return Status::Ok();
}

}  // namespace varve
