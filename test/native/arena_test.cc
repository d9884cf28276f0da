#include "core/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace varve {
namespace {

TEST(Arena, AlignedAndDisjoint) {
  Arena arena(4096);
  std::vector<std::pair<char*, size_t>> pieces;
  for (size_t i = 0; i < 2000; ++i) {
    const size_t size = 1 + i * 7919 % (i % 100 == 0 ? 20000 : 200);
    char* const piece = arena.Allocate(size);
    ASSERT_NE(piece, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(piece) % 8, 0u);
    std::memset(piece, static_cast<int>(i % 251), size);
    pieces.emplace_back(piece, size);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (size_t j = 0; j < pieces[i].second; ++j) {
      ASSERT_EQ(static_cast<uint8_t>(pieces[i].first[j]), i % 251);
    }
  }
}

TEST(Arena, EmptyRequestsHaveAPlaceToo) {
  Arena arena(4096);
  char* const first = arena.Allocate(0);
  EXPECT_NE(first, nullptr);
  EXPECT_NE(arena.Allocate(0), first);
}

TEST(Arena, LargeRequestsLeaveTheBlockInUse) {
  Arena arena(4096);
  char* const before = arena.Allocate(8);
  EXPECT_NE(arena.Allocate(5000), nullptr);
  EXPECT_EQ(arena.Allocate(8), before + 8);
}

TEST(Arena, CountsWhatItReserves) {
  Arena arena(4096);
  EXPECT_EQ(arena.bytes_reserved(), 0u);
  EXPECT_NE(arena.Allocate(1), nullptr);
  const size_t one = arena.bytes_reserved();
  EXPECT_GE(one, 4096u);
  EXPECT_NE(arena.Allocate(1), nullptr);
  EXPECT_EQ(arena.bytes_reserved(), one);
  EXPECT_NE(arena.Allocate(10000), nullptr);
  EXPECT_GE(arena.bytes_reserved(), one + 10000);
}

}  // namespace
}  // namespace varve
