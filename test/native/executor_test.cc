#include "core/executor.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace varve {
namespace {

constexpr Lane kAllLanes[] = {Lane::kSync, Lane::kWrite, Lane::kDisk,
                              Lane::kRead, Lane::kFlush, Lane::kCompact};

TEST(ThreadExecutor, RunsTasksOfALaneInOrder) {
  std::vector<int> order;
  const auto executor = NewThreadExecutor({});
  for (int i = 0; i < 1000; ++i) executor->Submit(Lane::kSync, [&, i] { order.push_back(i); });
  executor->Drain();
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadExecutor, LanesDoNotWaitForEachOther) {
  const auto executor = NewThreadExecutor({});
  std::promise<void> synced;
  executor->Submit(Lane::kCompact, [&] { synced.get_future().wait(); });
  executor->Submit(Lane::kFlush, [&] { synced.set_value(); });
  executor->Drain();
}

TEST(ThreadExecutor, UsesAsManyThreadsAsItMay) {
  const auto executor = NewThreadExecutor({.read_threads = 3, .compact_threads = 1});
  // Each waits for the two others: two threads would never finish.
  std::atomic<int> arrived{0};
  for (int i = 0; i < 3; ++i) {
    executor->Submit(Lane::kRead, [&] {
      ++arrived;
      while (arrived.load() < 3) std::this_thread::yield();
    });
  }
  executor->Drain();
  EXPECT_EQ(arrived.load(), 3);
}

TEST(ThreadExecutor, DrainWaitsForTasksThatTasksSubmit) {
  const auto executor = NewThreadExecutor({});
  int steps = 0;
  std::function<void()> next = [&] {
    if (++steps < 100) executor->Submit(kAllLanes[steps % kLanes], next);
  };
  executor->Submit(Lane::kDisk, next);
  executor->Drain();
  EXPECT_EQ(steps, 100);
}

TEST(ThreadExecutor, AfterDrainTasksRunOnTheCaller) {
  const auto executor = NewThreadExecutor({});
  executor->Drain();
  executor->Drain();
  std::thread::id ran;
  executor->Submit(Lane::kRead, [&] {
    executor->Submit(Lane::kSync, [&] { ran = std::this_thread::get_id(); });
  });
  EXPECT_EQ(ran, std::this_thread::get_id());
}

TEST(ThreadExecutor, DrainReturnsAfterCapturesAreGone) {
  for (int round = 0; round < 200; ++round) {
    const auto executor = NewThreadExecutor({});
    auto captured = std::make_shared<int>(0);
    executor->Submit(Lane::kRead, [captured] {});
    executor->Drain();
    ASSERT_EQ(captured.use_count(), 1);
  }
}

TEST(ThreadExecutor, EveryTaskRunsOnceHoweverManySubmit) {
  std::atomic<int> ran{0};
  {
    const auto executor = NewThreadExecutor({.read_threads = 4, .compact_threads = 2});
    std::vector<std::thread> submitters;
    for (int i = 0; i < 4; ++i) {
      submitters.emplace_back([&, i] {
        for (int j = 0; j < 2000; ++j)
          executor->Submit(kAllLanes[(i + j) % kLanes], [&] { ++ran; });
      });
    }
    executor->Drain();  // in the middle: the rest runs on the submitters
    for (std::thread& submitter : submitters) submitter.join();
  }
  EXPECT_EQ(ran.load(), 8000);
}

TEST(ThreadExecutor, DestructionRunsWhatIsQueued) {
  std::atomic<int> ran{0};
  {
    const auto executor = NewThreadExecutor({});
    for (int i = 0; i < 100; ++i) executor->Submit(kAllLanes[i % kLanes], [&] { ++ran; });
  }
  EXPECT_EQ(ran.load(), 100);
}

#if defined(__linux__)
TEST(ThreadExecutor, ThreadsAreNamedNicedAndDeafToSignals) {
  const char* const names[] = {"varve-sync", "varve-write", "varve-disk",
                               "varve-read", "varve-flush", "varve-compact"};
  const auto executor = NewThreadExecutor({});
  std::mutex mutex;
  for (const Lane lane : kAllLanes) {
    executor->Submit(lane, [&, lane] {
      const std::lock_guard<std::mutex> guard(mutex);
      char name[16] = "";
      pthread_getname_np(pthread_self(), name, sizeof(name));
      EXPECT_STREQ(name, names[static_cast<int>(lane)]);
      const int nice = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
      const bool background = lane == Lane::kFlush || lane == Lane::kCompact;
      EXPECT_EQ(nice >= 10, background);
      sigset_t blocked;
      pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
      for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGPROF, SIGUSR1, SIGALRM}) {
        EXPECT_TRUE(sigismember(&blocked, signal));
      }
      EXPECT_FALSE(sigismember(&blocked, SIGSEGV));
    });
  }
  executor->Drain();
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_FALSE(sigismember(&blocked, SIGINT)) << "the caller's own mask is as it was";
}
#endif

std::string OrderOf(uint64_t seed) {
  std::string order;
  SteppedExecutor executor(seed);
  for (int i = 0; i < 30; ++i) {
    executor.Submit(kAllLanes[i % kLanes], [&order, i] { order += static_cast<char>('A' + i); });
  }
  EXPECT_EQ(executor.queued(), 30u);
  while (executor.Step()) {
  }
  EXPECT_EQ(executor.queued(), 0u);
  return order;
}

TEST(SteppedExecutor, SeedZeroIsFirstComeFirstServed) {
  EXPECT_EQ(OrderOf(0), "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^");
}

TEST(SteppedExecutor, TheSeedDecidesTheOrderOfLanes) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    const std::string order = OrderOf(seed);
    EXPECT_EQ(order, OrderOf(seed));
    EXPECT_NE(order, OrderOf(seed + 1));
    ASSERT_EQ(order.size(), 30u);
    for (int i = kLanes; i < 30; ++i) {
      const auto at = [&](int task) { return order.find(static_cast<char>('A' + task)); };
      EXPECT_LT(at(i - kLanes), at(i)) << "a lane keeps its order";
    }
  }
}

TEST(SteppedExecutor, RunsNothingBeforeItIsStepped) {
  int ran = 0;
  SteppedExecutor executor(7);
  executor.Submit(Lane::kSync, [&] {
    ++ran;
    executor.Submit(Lane::kSync, [&] { ++ran; });
  });
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(executor.Step());
  EXPECT_EQ(ran, 1);
  EXPECT_TRUE(executor.Step());
  EXPECT_FALSE(executor.Step());
  EXPECT_EQ(ran, 2);
}

TEST(SteppedExecutor, DrainRunsTheRestThenRunsAtOnce) {
  int ran = 0;
  SteppedExecutor executor(7);
  executor.Submit(Lane::kFlush, [&] { executor.Submit(Lane::kDisk, [&] { ++ran; }); });
  executor.Drain();
  EXPECT_EQ(ran, 1);
  executor.Submit(Lane::kRead, [&] { ++ran; });
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(executor.queued(), 0u);
}

}  // namespace
}  // namespace varve
