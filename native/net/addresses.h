// Numeric addresses of sockets, IPv4 and IPv6, as text and as the system takes them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace varve::net {

class SocketAddress {
 public:
  // "127.0.0.1", "::1", "fe80::1%eth0". False: it is none.
  bool Parse(const std::string& address, uint16_t port);
  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// "address port"; " 0" where the system does not say.
std::string LocalAddress(int fd);
std::string PeerAddress(int fd);

}  // namespace varve::net
