#include <array>
#include <deque>
#include <mutex>
#include <utility>

#include "core/executor.h"
#include "core/seeded_random.h"

namespace varve {

struct SteppedExecutor::Impl {
  struct Queued {
    uint64_t number;  // of submission, over all lanes
    Task task;
  };

  explicit Impl(uint64_t seed) : in_order(seed == 0), random(seed) {}

  // REQUIRES: something is queued, and the mutex is held.
  Task TakeNext();

  const bool in_order;
  mutable std::mutex mutex;
  SeededRandom random;
  std::array<std::deque<Queued>, kLanes> lanes;
  uint64_t submitted = 0;
  size_t queued = 0;
  bool closed = false;
};

Executor::Task SteppedExecutor::Impl::TakeNext() {
  std::array<std::deque<Queued>*, kLanes> ready{};
  size_t lanes_ready = 0;
  std::deque<Queued>* first = nullptr;
  for (std::deque<Queued>& lane : lanes) {
    if (lane.empty()) continue;
    ready[lanes_ready++] = &lane;
    if (first == nullptr || lane.front().number < first->front().number) first = &lane;
  }
  std::deque<Queued>* const lane = in_order ? first : ready[random.Below(lanes_ready)];
  Task task = std::move(lane->front().task);
  lane->pop_front();
  --queued;
  return task;
}

SteppedExecutor::SteppedExecutor(uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}

SteppedExecutor::~SteppedExecutor() { SteppedExecutor::Drain(); }

void SteppedExecutor::Submit(Lane lane, Task task) {
  {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    if (!impl_->closed) {
      impl_->lanes[static_cast<size_t>(lane)].push_back({impl_->submitted++, std::move(task)});
      ++impl_->queued;
      return;
    }
  }
  task();
}

void SteppedExecutor::Drain() {
  for (;;) {
    while (Step()) {
    }
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    if (impl_->queued > 0) continue;
    impl_->closed = true;
    return;
  }
}

bool SteppedExecutor::Step() {
  Task task;
  {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    if (impl_->queued == 0) return false;
    task = impl_->TakeNext();
  }
  task();
  return true;
}

size_t SteppedExecutor::queued() const {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  return impl_->queued;
}

}  // namespace varve
