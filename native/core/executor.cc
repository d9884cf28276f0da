#include "core/executor.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "core/thread_posix.h"

namespace varve {
namespace {

struct LaneTraits {
  const char* thread_name;  // at most 15 characters
  bool background;
};
constexpr std::array<LaneTraits, kLanes> kTraits = {{
    {"varve-sync", false},
    {"varve-write", false},
    {"varve-disk", false},
    {"varve-read", false},
    {"varve-flush", true},
    {"varve-compact", true},
}};

// Counts tasks from Submit to their end, and closes at a moment when there are none.
class TaskCount {
 public:
  // False: closed.
  bool Enter() {
    uint64_t state = state_.load(std::memory_order_relaxed);
    do {
      if ((state & kClosed) != 0) return false;
    } while (!state_.compare_exchange_weak(state, state + kOne, std::memory_order_relaxed));
    return true;
  }

  void Leave() {
    // Release: what the task did is seen by whoever closes.
    if (state_.fetch_sub(kOne, std::memory_order_acq_rel) != kOne) return;
    const std::lock_guard<std::mutex> guard(mutex_);
    none_.notify_all();
  }

  void Close() {
    std::unique_lock<std::mutex> lock(mutex_);
    none_.wait(lock, [this] {
      uint64_t state = 0;
      return state_.compare_exchange_strong(state, kClosed, std::memory_order_acq_rel) ||
             (state & kClosed) != 0;
    });
  }

 private:
  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kOne = 2;

  std::atomic<uint64_t> state_{0};
  std::mutex mutex_;
  std::condition_variable none_;
};

// The threads and the queue of one lane. Each lane has a mutex of its own: submitting a sync
// never waits for a compaction thread that was preempted while it held one.
class LaneThreads {
 public:
  void Configure(const LaneTraits& traits, int threads_max, TaskCount* count) {
    traits_ = traits;
    threads_max_ = threads_max < 1 ? 1 : static_cast<size_t>(threads_max);
    count_ = count;
  }

  void Submit(Executor::Task task) {
    std::unique_lock<std::mutex> lock(mutex_);
    queue_.push_back(std::move(task));
    if (queue_.size() <= waiting_) {
      lock.unlock();
      wake_.notify_one();
      return;
    }
    if (threads_.size() == threads_max_ || StartThread() || !threads_.empty()) return;
    // The system has no thread to give and the lane has none: the queue holds this task only.
    task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    RunAndLeave(std::move(task));
  }

  // REQUIRES: no task is queued, none will be.
  void Stop() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (posix::Thread& thread : threads_) thread.Join();
  }

 private:
  bool StartThread() {
    posix::Thread thread;
    if (!thread.Start(traits_.thread_name, traits_.background, [this] { Run(); })) return false;
    threads_.push_back(thread);
    return true;
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      while (queue_.empty() && !stopping_) {
        ++waiting_;
        wake_.wait(lock);
        --waiting_;
      }
      if (queue_.empty()) return;
      Executor::Task task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      RunAndLeave(std::move(task));
      lock.lock();
    }
  }

  void RunAndLeave(Executor::Task task) {
    task();
    task = nullptr;  // what it captured is gone before it counts as done
    count_->Leave();
  }

  LaneTraits traits_{};
  size_t threads_max_ = 1;
  TaskCount* count_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Executor::Task> queue_;
  std::vector<posix::Thread> threads_;
  size_t waiting_ = 0;
  bool stopping_ = false;
};

class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(const ExecutorOptions& options) {
    for (size_t lane = 0; lane < lanes_.size(); ++lane) {
      int threads_max = 1;
      if (lane == static_cast<size_t>(Lane::kRead)) threads_max = options.read_threads;
      if (lane == static_cast<size_t>(Lane::kCompact)) threads_max = options.compact_threads;
      lanes_[lane].Configure(kTraits[lane], threads_max, &count_);
    }
  }

  ~ThreadExecutor() override {
    count_.Close();
    for (LaneThreads& lane : lanes_) lane.Stop();
  }

  void Submit(Lane lane, Task task) override {
    if (count_.Enter()) return lanes_[static_cast<size_t>(lane)].Submit(std::move(task));
    task();
  }

  void Drain() override { count_.Close(); }

 private:
  TaskCount count_;
  std::array<LaneThreads, kLanes> lanes_;
};

}  // namespace

std::unique_ptr<Executor> NewThreadExecutor(const ExecutorOptions& options) {
  return std::make_unique<ThreadExecutor>(options);
}

}  // namespace varve
