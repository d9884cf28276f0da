#include "net/reactor.h"

#include <gtest/gtest.h>

#if defined(__linux__)

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <vector>

namespace varve::net {
namespace {

// What the reactor told, with what was read.
struct Told {
  uint32_t connection;
  Happened what;
  int32_t detail;
  std::string bytes;
};

class ReactorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Reactor::Open(&reactor_).ok());
    ASSERT_TRUE(reactor_->Listen("127.0.0.1", 0, 64).ok());
  }
  void TearDown() override {
    for (const int fd : clients_) close(fd);
  }

  sockaddr_in Address() const {
    const std::string at = reactor_->ListeningAt();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(at.substr(at.find(' ') + 1))));
    return address;
  }

  int Dial() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Address();
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    clients_.push_back(fd);
    return fd;
  }

  void HangUp(int fd) {
    close(fd);
    std::erase(clients_, fd);
  }

  // Takes until something is told; loopback needs no waiting, but epoll may be a moment late.
  std::vector<Told> Take(size_t buffer_size = size_t{64} << 10, size_t events_max = 64) {
    std::string buffer(buffer_size, '\0');
    std::vector<Event> events(events_max);
    std::vector<Told> told;
    for (int i = 0; i < 100000 && told.empty(); ++i) {
      taken_ = reactor_->Take(buffer.data(), buffer.size(), events.data(), events.size());
      size_t at = 0;
      for (size_t j = 0; j < taken_.events; ++j) {
        const auto what = static_cast<Happened>(events[j].what);
        const size_t size = what == Happened::kData ? static_cast<size_t>(events[j].detail) : 0;
        told.push_back({static_cast<uint32_t>(events[j].connection), what, events[j].detail,
                        buffer.substr(at, size)});
        at += size;
      }
      EXPECT_EQ(at, taken_.bytes);
    }
    return told;
  }

  uint32_t Accept(int* client) {
    *client = Dial();
    const std::vector<Told> told = Take();
    EXPECT_EQ(told.size(), 1u);
    EXPECT_EQ(told.at(0).what, Happened::kAccepted);
    return told.at(0).connection;
  }

  std::unique_ptr<Reactor> reactor_;
  Reactor::Taken taken_;
  std::vector<int> clients_;
};

TEST_F(ReactorTest, WhatIsSentIsReadAndAnswered) {
  int client = -1;
  const uint32_t connection = Accept(&client);
  ASSERT_EQ(send(client, "hello", 5, 0), 5);
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].what, Happened::kData);
  EXPECT_EQ(told[0].bytes, "hello");
  EXPECT_EQ(reactor_->Write(connection, "world", 5), 0u);
  char answer[5];
  ASSERT_EQ(recv(client, answer, sizeof answer, MSG_WAITALL), 5);
  EXPECT_EQ(std::string(answer, 5), "world");
}

TEST_F(ReactorTest, SaysWhoIsThere) {
  int client = -1;
  const uint32_t connection = Accept(&client);
  const std::string at = reactor_->ListeningAt();
  const std::string both = reactor_->Addresses(connection);
  EXPECT_EQ(both.substr(0, 10), "127.0.0.1 ");
  EXPECT_EQ(both.substr(both.size() - at.size()), at);
}

TEST_F(ReactorTest, EachConnectionIsReadOnceATake) {
  int first = -1;
  int second = -1;
  const uint32_t loud = Accept(&first);
  const uint32_t quiet = Accept(&second);
  const std::string much(200000, 'x');
  ASSERT_EQ(send(first, much.data(), much.size(), 0), static_cast<ssize_t>(much.size()));
  ASSERT_EQ(send(second, "y", 1, 0), 1);
  std::map<uint32_t, size_t> reads;
  for (const Told& told : Take(size_t{1} << 20)) {
    EXPECT_LE(told.bytes.size(), Reactor::kReadMax);
    ++reads[told.connection];
  }
  EXPECT_EQ(reads[loud], 1u);
  EXPECT_EQ(reads[quiet], 1u);
}

TEST_F(ReactorTest, ABufferWithoutRoomLeavesTheRestForLater) {
  std::vector<int> clients(3);
  for (int& client : clients) Accept(&client);
  const std::string some(Reactor::kReadMin, 'x');
  for (const int client : clients)
    ASSERT_EQ(send(client, some.data(), some.size(), 0), ssize_t{16} << 10);
  size_t bytes = Take(Reactor::kReadMin + 1).size();
  EXPECT_EQ(bytes, 1u);
  EXPECT_TRUE(taken_.is_full);
  size_t read = taken_.bytes;
  while (read < 3 * some.size()) {
    Take();
    read += taken_.bytes;
  }
  EXPECT_EQ(read, 3 * some.size());
}

TEST_F(ReactorTest, WhoeverSendsWithoutEndDelaysNobody) {
  std::vector<int> clients(5);
  std::vector<uint32_t> numbers;
  for (int& client : clients) numbers.push_back(Accept(&client));
  const std::string much(size_t{256} << 10, 'x');
  for (const int client : clients) {
    ASSERT_EQ(fcntl(client, F_SETFL, O_NONBLOCK), 0);
    ASSERT_GT(send(client, much.data(), much.size(), 0), 0);
  }
  std::map<uint32_t, int> reads;
  for (int take = 0; take < 10; ++take) {
    for (const Told& told : Take(Reactor::kReadMax)) ++reads[told.connection];
    for (const int client : clients) send(client, much.data(), Reactor::kReadMax, 0);
  }
  for (const uint32_t number : numbers) EXPECT_EQ(reads[number], 2) << number;
}

TEST_F(ReactorTest, WhatAClientDoesNotTakeWaits) {
  int client = -1;
  const uint32_t connection = Accept(&client);
  std::string much(size_t{16} << 20, '\0');
  for (size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 2654435761u >> 24);
  size_t waiting = reactor_->Write(connection, much.data(), much.size());
  EXPECT_GT(waiting, 0u);
  EXPECT_EQ(waiting, reactor_->Waiting(connection));
  EXPECT_EQ(reactor_->Write(connection, "end", 3), waiting + 3);
  reactor_->Finish(connection);
  std::string got;
  std::string part(size_t{1} << 20, '\0');
  bool is_sent = false;
  ASSERT_EQ(fcntl(client, F_SETFL, O_NONBLOCK), 0);
  for (;;) {
    const ssize_t count = recv(client, part.data(), part.size(), 0);
    if (count == 0) break;
    if (count > 0) {
      got.append(part, 0, static_cast<size_t>(count));
      continue;
    }
    ASSERT_EQ(errno, EAGAIN);
    Event event{};
    std::string buffer(Reactor::kReadMin, '\0');
    if (reactor_->Take(buffer.data(), buffer.size(), &event, 1).events == 0) {
      std::vector<Event> events(8);
      const auto taken = reactor_->Take(buffer.data(), buffer.size(), events.data(), events.size());
      for (size_t i = 0; i < taken.events; ++i) {
        EXPECT_EQ(events[i].what, static_cast<int32_t>(Happened::kSent));
        is_sent = true;
      }
    }
  }
  EXPECT_TRUE(is_sent);
  EXPECT_EQ(reactor_->Waiting(connection), 0u);
  EXPECT_TRUE(got == much + "end");
}

TEST_F(ReactorTest, AClientThatSaysNoMoreIsStillAnswered) {
  int client = -1;
  const uint32_t connection = Accept(&client);
  ASSERT_EQ(send(client, "last", 4, 0), 4);
  ASSERT_EQ(shutdown(client, SHUT_WR), 0);
  std::string read;
  for (bool ended = false; !ended;) {
    for (const Told& told : Take()) {
      read += told.bytes;
      ended = ended || told.what == Happened::kEnd;
      EXPECT_NE(told.what, Happened::kGone);
    }
  }
  EXPECT_EQ(read, "last");
  EXPECT_EQ(reactor_->Write(connection, "bye", 3), 0u);
  reactor_->SetReading(connection, true);  // it has ended: there is nothing to read
  reactor_->Finish(connection);
  char answer[4];
  EXPECT_EQ(recv(client, answer, sizeof answer, MSG_WAITALL), 3);
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].what, Happened::kGone);
}

TEST_F(ReactorTest, AResetIsTold) {
  for (const bool is_read : {true, false}) {
    int client = -1;
    const uint32_t connection = Accept(&client);
    reactor_->SetReading(connection, is_read);
    const linger at_once{1, 0};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    HangUp(client);
    const std::vector<Told> told = Take();
    ASSERT_EQ(told.size(), 1u) << is_read;
    EXPECT_EQ(told[0].what, Happened::kGone);
    EXPECT_EQ(told[0].detail, ECONNRESET);
    EXPECT_TRUE(reactor_->IsOpen(connection));
    EXPECT_EQ(reactor_->Write(connection, "x", 1), 0u);
    EXPECT_EQ(reactor_->Addresses(connection), "");
    reactor_->Close(connection);
    EXPECT_FALSE(reactor_->IsOpen(connection));
  }
}

TEST_F(ReactorTest, ANumberIsUsedAgainAfterItsEnd) {
  int client = -1;
  const uint32_t first = Accept(&client);
  reactor_->Write(first, "x", 1);
  reactor_->Close(first);
  char byte = 0;
  EXPECT_EQ(recv(client, &byte, 1, 0), 1);
  EXPECT_EQ(recv(client, &byte, 1, 0), 0);
  const uint32_t second = Accept(&client);
  EXPECT_EQ(second, first);
  EXPECT_EQ(reactor_->Waiting(second), 0u);
}

TEST_F(ReactorTest, WhatIsNotReadIsNotTold) {
  int client = -1;
  const uint32_t connection = Accept(&client);
  reactor_->SetReading(connection, false);
  ASSERT_EQ(send(client, "later", 5, 0), 5);
  int other = -1;
  Accept(&other);
  reactor_->SetReading(connection, true);
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].bytes, "later");
}

TEST_F(ReactorTest, WithoutDescriptorsConnectionsAreClosedAndItIsSaid) {
  int first = -1;
  Accept(&first);
  const int client = Dial();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(client) + 1;
  // Every number up to the limit is taken.
  std::vector<int> fillers;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int fd = dup(0); fd >= 0; fd = dup(0)) fillers.push_back(fd);
  const std::vector<Told> told = Take();
  for (const int fd : fillers) close(fd);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].what, Happened::kRefused);
  EXPECT_EQ(told[0].detail, EMFILE);
  char byte = 0;
  EXPECT_EQ(recv(client, &byte, 1, 0), 0);
  int again = -1;
  Accept(&again);
}

TEST_F(ReactorTest, WithoutASpareDescriptorTheListenerRests) {
  const int client = Dial();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  // The spare one is given up for a moment; it cannot be had again.
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::vector<Told> told = Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].what, Happened::kRefused);
  Event events[4];
  char buffer[1];
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(reactor_->Take(buffer, sizeof buffer, events, 4).events, 0u);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  const std::vector<Told> later = Take();
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].what, Happened::kAccepted);
  EXPECT_EQ(reactor_->Write(later[0].connection, "x", 1), 0u);
  char byte = 0;
  EXPECT_EQ(recv(client, &byte, 1, 0), 1);
}

TEST_F(ReactorTest, StopsListening) {
  const sockaddr_in address = Address();
  reactor_->StopListening();
  EXPECT_EQ(reactor_->ListeningAt(), "");
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_NE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(fd);
}

TEST_F(ReactorTest, AnAddressThatIsTakenOrNoneIsRefused) {
  std::unique_ptr<Reactor> other;
  ASSERT_TRUE(Reactor::Open(&other).ok());
  EXPECT_EQ(other->Listen("127.0.0.1", ntohs(Address().sin_port), 1).os_error(), EADDRINUSE);
  EXPECT_EQ(other->Listen("203.0.113.1", 0, 1).os_error(), EADDRNOTAVAIL);
  EXPECT_EQ(other->Listen("localhost", 0, 1).code(), Code::kInvalidArgument);
  EXPECT_TRUE(other->Listen("127.0.0.1", 0, 1).ok());
}

}  // namespace
}  // namespace varve::net

#endif
