#include "core/thread_posix.h"

#include <sched.h>
#include <signal.h>

#include <cstdint>
#include <memory>
#include <utility>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread/qos.h>
#endif

namespace varve::posix {
namespace {

// Some C libraries give a thread 128 KiB.
constexpr size_t kStackBytes = 2 << 20;

struct Launch {
  const char* name;
  bool background;
  std::function<void()> body;
};

#if defined(__linux__)
// Since Linux 6.12 a thread that wakes waits until the running one has had its slice, up to a tick
// (4 ms) even if that one is niced, unless its own slice is shorter. So background threads ask
// for long slices: the event loop and syncs, which have the usual ones, go first at once. Earlier
// kernels ignore it.
void YieldToShorterSlices(int nice) {
#if defined(SYS_sched_setattr)
  struct {  // struct sched_attr, which C libraries did not declare for long
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes{};
  static_assert(sizeof attributes == 48);
  constexpr uint64_t kSliceNs = 20'000'000;
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_BATCH;
  attributes.nice = nice;
  attributes.runtime = kSliceNs;
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
#else
  (void)nice;
#endif
}
#endif

// Hints: where they are refused the work is done all the same.
void Describe(const char* name, bool background) {
#if defined(__linux__)
  (void)pthread_setname_np(pthread_self(), name);
  if (!background) return;
  constexpr int kNice = 10;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  const sched_param parameters{};
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
  YieldToShorterSlices(kNice);
#elif defined(__APPLE__)
  (void)pthread_setname_np(name);
  if (background) (void)pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#else
  (void)name, (void)background;
#endif
}

void* Enter(void* argument) {
  const std::unique_ptr<Launch> start(static_cast<Launch*>(argument));
  Describe(start->name, start->background);
  start->body();
  return nullptr;
}

sigset_t SignalsOfTheProcess() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
    sigdelset(&signals, own);
  }
  return signals;
}

}  // namespace

bool Thread::Start(const char* name, bool background, std::function<void()> body) {
  auto start = std::make_unique<Launch>();
  start->name = name;
  start->background = background;
  start->body = std::move(body);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  (void)pthread_attr_setstacksize(&attributes, kStackBytes);
  // A thread inherits the mask: blocking after its start would leave a moment open.
  const sigset_t blocked = SignalsOfTheProcess();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const int error = pthread_create(&handle_, &attributes, Enter, start.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return false;
  (void)start.release();  // Enter owns it
  return true;
}

void Thread::Join() { pthread_join(handle_, nullptr); }

}  // namespace varve::posix
