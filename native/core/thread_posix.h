// Thread: a named system thread that leaves the host's signals alone.
//
// Signals of the process are blocked in it from its first instruction on, so handlers run
// on the host's threads. The ones a thread raises by its own fault are not, so that crash
// reporters work.
#pragma once

#include <pthread.h>

#include <functional>

namespace varve::posix {

class Thread {
 public:
  // Starts `body`; a background thread yields the processor to all others. False when the
  // system has no thread to give.
  bool Start(const char* name, bool background, std::function<void()> body);
  // REQUIRES: started, and not joined before.
  void Join();

 private:
  pthread_t handle_{};
};

}  // namespace varve::posix
