#include "net/reactor.h"

#if defined(__linux__)

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/addresses.h"

namespace varve::net {

namespace {

constexpr uint32_t kListener = UINT32_MAX;
constexpr uint32_t kNobody = UINT32_MAX - 1;
constexpr size_t kSignsMax = 512;
constexpr size_t kAcceptsMax = 64;
constexpr const char kNull[] = "/dev/null";
// Memory of what waited is kept for the next time, unless it is long.
constexpr size_t kKeptMax = size_t{16} << 10;

bool IsForLater(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

// Where Take puts what it finds.
struct Reactor::Room {
  char* buffer;
  size_t size;
  Event* events;
  size_t events_max;
  Taken taken;

  bool HasBytes() const { return size - taken.bytes >= kReadMin; }
  void Tell(uint32_t connection, Happened what, int32_t detail) {
    events[taken.events++] = {static_cast<int32_t>(connection), static_cast<int32_t>(what), detail};
  }
};

Status Reactor::Open(std::unique_ptr<Reactor>* result) {
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) return Status::FromErrno(errno, "epoll_create1", "");
  const int spare = open(kNull, O_RDONLY | O_CLOEXEC);
  result->reset(new Reactor(poll, spare));
  return Status::Ok();
}

Reactor::~Reactor() {
  StopListening();
  for (Connection& connection : connections_) Leave(&connection);
  if (spare_ >= 0) close(spare_);
  close(poll_);
}

Status Reactor::Listen(const std::string& address, uint16_t port, int backlog) {
  if (listener_ >= 0) return Status(Code::kExists, "it listens already");
  SocketAddress where;
  if (!where.Parse(address, port))
    return Status::InvalidArgument("not a numeric address: " + address);
  const int fd = socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Status::FromErrno(errno, "socket", "");
  const int on = 1;
  const int off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // "::" is every address, those of IPv4 too.
  if (where.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  epoll_event watched{};
  watched.events = EPOLLIN;
  watched.data.u32 = kListener;
  const char* step = "bind";
  bool ok = bind(fd, where.get(), where.size()) == 0;
  if (ok) {
    step = "listen";
    ok = listen(fd, backlog) == 0;
  }
  if (ok) {
    step = "epoll_ctl";
    ok = epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &watched) == 0;
  }
  if (!ok) {
    const Status failed = Status::FromErrno(errno, step, "");
    close(fd);
    return failed;
  }
  listener_ = fd;
  return Status::Ok();
}

void Reactor::StopListening() {
  if (listener_ >= 0) Forget(listener_);
  listener_ = -1;
}

// A process that is being started may hold the file for a moment: closing alone would not end the
// watch.
void Reactor::Forget(int fd) {
  epoll_ctl(poll_, EPOLL_CTL_DEL, fd, nullptr);
  close(fd);
}

void Reactor::RestListener(bool on) {
  if (listener_ < 0 || listener_rests_ == on) return;
  epoll_event watched{};
  watched.events = on ? 0 : uint32_t{EPOLLIN};
  watched.data.u32 = kListener;
  listener_rests_ =
      epoll_ctl(poll_, EPOLL_CTL_MOD, listener_, &watched) == 0 ? on : listener_rests_;
}

std::string Reactor::ListeningAt() const { return listener_ < 0 ? "" : LocalAddress(listener_); }

Reactor::Taken Reactor::Take(char* buffer, size_t size, Event* events, size_t events_max) {
  Room room{buffer, size, events, events_max, {}};
  if (listener_rests_ && HasSpare()) RestListener(false);
  epoll_event signs[kSignsMax];
  const int count = epoll_wait(poll_, signs, kSignsMax, 0);
  if (count <= 0) return room.taken;
  room.taken.is_full = count == static_cast<int>(kSignsMax);
  // The system tells of the same connections in the same order again and again.
  int first = 0;
  for (int i = 0; i < count && hungry_ != kNobody; ++i) {
    if (signs[i].data.u32 == hungry_) first = i;
  }
  hungry_ = kNobody;
  for (int i = 0; i < count; ++i) {
    const epoll_event& sign = signs[(first + i) % count];
    // A connection tells at most three things at once.
    if (room.taken.events + 3 > events_max) {
      room.taken.is_full = true;
      break;
    }
    const uint32_t number = sign.data.u32;
    if (number != kListener) {
      Look(number, sign.events, &room);
    } else if (AcceptSome(&room)) {
      room.taken.is_full = true;
    }
  }
  return room.taken;
}

void Reactor::Look(uint32_t number, uint32_t signs, Room* room) {
  Connection& connection = connections_[number];
  if (connection.fd < 0) return;
  if ((signs & EPOLLOUT) != 0) {
    const bool had = connection.sent < connection.waiting.size();
    const int error = Push(&connection);
    if (error == 0 && had && connection.sent == connection.waiting.size()) {
      room->Tell(number, Happened::kSent, 0);
    }
  }
  if (connection.is_reading && (signs & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    if (!Read(number, room)) return;
  }
  if ((signs & (EPOLLHUP | EPOLLERR)) != 0 && !connection.is_reading) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    Leave(&connection);
    room->Tell(number, Happened::kGone, error);
    return;
  }
  Watch(number, &connection, false);
}

// False: the connection is gone.
bool Reactor::Read(uint32_t number, Room* room) {
  Connection& connection = connections_[number];
  if (!room->HasBytes()) {
    room->taken.is_full = true;
    if (hungry_ == kNobody) hungry_ = number;
    return true;
  }
  const size_t wanted = std::min(room->size - room->taken.bytes, kReadMax);
  const ssize_t count = recv(connection.fd, room->buffer + room->taken.bytes, wanted, 0);
  if (count > 0) {
    room->taken.bytes += static_cast<size_t>(count);
    room->Tell(number, Happened::kData, static_cast<int32_t>(count));
    return true;
  }
  if (count == 0) {
    connection.is_reading = false;
    connection.has_ended = true;
    room->Tell(number, Happened::kEnd, 0);
    return true;
  }
  const int error = errno;
  if (IsForLater(error)) return true;
  Leave(&connection);
  room->Tell(number, Happened::kGone, error);
  return false;
}

// True: there may be more.
bool Reactor::AcceptSome(Room* room) {
  for (size_t i = 0; i < kAcceptsMax; ++i) {
    if (room->taken.events == room->events_max) return true;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int error = errno;
    uint32_t number = 0;
    if (fd >= 0 && Add(fd, &number)) {
      room->Tell(number, Happened::kAccepted, 0);
      continue;
    }
    if (fd >= 0) {
      error = errno;
      close(fd);
    }
    if (error == ECONNABORTED || error == EINTR) continue;
    if (IsForLater(error)) return false;
    room->Tell(kNobody, Happened::kRefused, error);
    if (error != EMFILE && error != ENFILE) continue;
    while (ShedOne()) {
    }
    RestListener(!HasSpare());
    return false;
  }
  return true;
}

// Another thread may have taken the number of the spare descriptor while it was given up.
bool Reactor::HasSpare() {
  if (spare_ < 0) spare_ = open(kNull, O_RDONLY | O_CLOEXEC);
  return spare_ >= 0;
}

// What cannot be accepted would be told again and again: it is accepted by the spare descriptor,
// and closed.
bool Reactor::ShedOne() {
  if (!HasSpare()) return false;
  close(spare_);
  spare_ = -1;
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) close(fd);
  return HasSpare() && fd >= 0;
}

// False: errno says why it cannot be watched.
bool Reactor::Add(int fd, uint32_t* result) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (unused_.empty()) {
    unused_.push_back(static_cast<uint32_t>(connections_.size()));
    connections_.emplace_back();
  }
  const uint32_t number = unused_.back();
  Connection& connection = connections_[number];
  connection = Connection();
  connection.fd = fd;
  connection.is_reading = true;
  if (!Watch(number, &connection, true)) {
    connection.fd = -1;
    return false;
  }
  connection.is_used = true;
  unused_.pop_back();
  *result = number;
  return true;
}

bool Reactor::Watch(uint32_t number, Connection* connection, bool is_new) {
  uint32_t wanted = connection->is_reading ? uint32_t{EPOLLIN} : 0;
  if (connection->sent < connection->waiting.size()) wanted |= EPOLLOUT;
  if (!is_new && wanted == connection->watched) return true;
  epoll_event watched{};
  watched.events = wanted;
  watched.data.u32 = number;
  connection->watched = wanted;
  return epoll_ctl(poll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection->fd, &watched) == 0;
}

void Reactor::Leave(Connection* connection) {
  if (connection->fd >= 0) Forget(connection->fd);
  connection->fd = -1;
  connection->waiting = std::string();
  connection->sent = 0;
}

int Reactor::Push(Connection* connection) {
  while (connection->sent < connection->waiting.size()) {
    const ssize_t count = send(connection->fd, connection->waiting.data() + connection->sent,
                               connection->waiting.size() - connection->sent, MSG_NOSIGNAL);
    if (count >= 0) {
      connection->sent += static_cast<size_t>(count);
      continue;
    }
    const int error = errno;
    if (IsForLater(error)) return 0;
    // Nobody takes it any more; Take tells that the client is gone.
    shutdown(connection->fd, SHUT_RDWR);
    connection->waiting = std::string();
    connection->sent = 0;
    return error;
  }
  connection->sent = 0;
  if (connection->waiting.capacity() > kKeptMax) {
    connection->waiting = std::string();
  } else {
    connection->waiting.clear();
  }
  if (connection->is_finishing) shutdown(connection->fd, SHUT_WR);
  return 0;
}

size_t Reactor::Write(uint32_t number, const char* bytes, size_t size) {
  Connection& connection = connections_[number];
  if (connection.fd < 0) return 0;
  size_t done = 0;
  while (connection.waiting.empty() && done < size) {
    const ssize_t count = send(connection.fd, bytes + done, size - done, MSG_NOSIGNAL);
    if (count < 0) {
      if (IsForLater(errno)) break;
      shutdown(connection.fd, SHUT_RDWR);
      return 0;
    }
    done += static_cast<size_t>(count);
  }
  if (done == size) return 0;
  if (connection.sent > 0) {
    connection.waiting.erase(0, connection.sent);
    connection.sent = 0;
  }
  connection.waiting.append(bytes + done, size - done);
  Watch(number, &connection, false);
  return connection.waiting.size();
}

size_t Reactor::Waiting(uint32_t number) const {
  const Connection& connection = connections_[number];
  return connection.waiting.size() - connection.sent;
}

void Reactor::SetReading(uint32_t number, bool on) {
  Connection& connection = connections_[number];
  if (connection.fd < 0 || connection.has_ended || connection.is_reading == on) return;
  connection.is_reading = on;
  Watch(number, &connection, false);
}

void Reactor::Finish(uint32_t number) {
  Connection& connection = connections_[number];
  if (connection.fd < 0 || connection.is_finishing) return;
  connection.is_finishing = true;
  if (connection.waiting.empty()) shutdown(connection.fd, SHUT_WR);
}

void Reactor::Close(uint32_t number) {
  Connection& connection = connections_[number];
  Leave(&connection);
  connection.is_used = false;
  unused_.push_back(number);
}

std::string Reactor::Addresses(uint32_t number) const {
  const Connection& connection = connections_[number];
  if (connection.fd < 0) return "";
  return PeerAddress(connection.fd) + " " + LocalAddress(connection.fd);
}

}  // namespace varve::net

#endif
