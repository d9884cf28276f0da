// Where there is no epoll there is no Reactor: Open says so, and nothing else is ever called.
#include "net/reactor.h"

#if !defined(__linux__)

namespace varve::net {

Status Reactor::Open(std::unique_ptr<Reactor>*) {
  return Status::Unsupported("this system has no epoll");
}
Reactor::~Reactor() = default;
Status Reactor::Listen(const std::string&, uint16_t, int) { return Status::Closed(); }
void Reactor::StopListening() {}
std::string Reactor::ListeningAt() const { return ""; }
Reactor::Taken Reactor::Take(char*, size_t, Event*, size_t) { return {}; }
size_t Reactor::Write(uint32_t, const char*, size_t) { return 0; }
size_t Reactor::Waiting(uint32_t) const { return 0; }
void Reactor::SetReading(uint32_t, bool) {}
void Reactor::Finish(uint32_t) {}
void Reactor::Close(uint32_t) {}
std::string Reactor::Addresses(uint32_t) const { return ""; }

}  // namespace varve::net

#endif
