// Reactor: a server's connections, without a thread of their own. It listens, accepts, reads and
// writes; who drives it is told by one file descriptor that there is something to do, and then asks
// once for everything that has happened since.
//
//   fd() is readable ─▶ Take: one event for each thing that happened, and what was read, one after
//   the other, in one buffer
//
// 1. No call waits. What a client does not take at once is copied here and goes when it does.
// 2. One Take reads each connection once, and begins with the one that found no room the last time:
// a client that sends without end
//    delays nobody.
// 3. A connection's number is used again only after Close. It is Closed once, also after kGone.
// 4. What nobody takes stays with the system, and is told again.
//
// Thread safety: one thread's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"

namespace varve::net {

enum class Happened : int32_t {
  kAccepted = 1,
  kData,    // detail: bytes in the buffer
  kEnd,     // the client sends no more
  kSent,    // all that waited is with the system
  kGone,    // detail: errno, or 0; nothing more will happen
  kRefused  // detail: errno; a connection could not be accepted
};

struct Event {
  int32_t connection;
  int32_t what;
  int32_t detail;
};

class Reactor {
 public:
  // Of one read. A buffer with less room is full.
  static constexpr size_t kReadMin = size_t{16} << 10;
  static constexpr size_t kReadMax = size_t{64} << 10;

  // kUnsupported where the system has no epoll.
  static Status Open(std::unique_ptr<Reactor>* result);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  int fd() const { return poll_; }

  // Numeric addresses only. Port 0: the system's choice.
  Status Listen(const std::string& address, uint16_t port, int backlog);
  void StopListening();
  // "address port", as the system says it; "" where there is none.
  std::string ListeningAt() const;

  struct Taken {
    size_t events = 0;
    size_t bytes = 0;
    bool is_full = false;  // of events or of bytes: there may be more
  };
  Taken Take(char* buffer, size_t size, Event* events, size_t events_max);

  bool IsOpen(uint32_t connection) const {
    return connection < connections_.size() && connections_[connection].is_used;
  }
  // The following REQUIRE IsOpen(connection). The bytes that wait afterwards, 0: all are with the
  // system, or the client is gone.
  size_t Write(uint32_t connection, const char* bytes, size_t size);
  size_t Waiting(uint32_t connection) const;
  void SetReading(uint32_t connection, bool on);
  // Once nothing waits the client is told that no more comes.
  void Finish(uint32_t connection);
  void Close(uint32_t connection);
  // "address port address port" of the client and of this side; "" where it is gone.
  std::string Addresses(uint32_t connection) const;

 private:
  struct Connection {
    int fd = -1;  // -1: gone
    bool is_used = false;
    bool is_reading = false;
    bool has_ended = false;  // the client sends no more
    bool is_finishing = false;
    uint32_t watched = 0;  // what epoll was asked for
    std::string waiting;
    size_t sent = 0;  // of `waiting`
  };

  explicit Reactor(int poll, int spare) : poll_(poll), spare_(spare) {}
  bool Watch(uint32_t number, Connection* connection, bool is_new);
  void Leave(Connection* connection);
  void Forget(int fd);
  void RestListener(bool on);
  // What became of the connection: errno, or 0 while it lives.
  int Push(Connection* connection);
  struct Room;
  bool AcceptSome(Room* room);
  bool Add(int fd, uint32_t* number);
  bool HasSpare();
  bool ShedOne();
  void Look(uint32_t number, uint32_t signs, Room* room);
  bool Read(uint32_t number, Room* room);

  const int poll_;
  int spare_;  // given up for a moment to accept, and close, what there is no descriptor for
  int listener_ = -1;
  bool listener_rests_ = false;       // nothing can be accepted, and nothing be shed
  uint32_t hungry_ = UINT32_MAX - 1;  // found no room in the last Take
  std::vector<Connection> connections_;
  std::vector<uint32_t> unused_;
};

}  // namespace varve::net
