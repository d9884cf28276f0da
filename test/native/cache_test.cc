#include "core/cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/block_builder.h"
#include "core/hash.h"
#include "core/seeded_random.h"

namespace varve {
namespace {

constexpr size_t kValueBytes = 1000;

Block BlockOf(uint64_t number) {
  BlockBuilder builder;
  const std::string key = "key" + std::to_string(1'000'000 + number);
  builder.Add(key, Hash64(key), PackTrailer(1, Kind::kPut), std::string(kValueBytes, 'v'));
  const Slice contents = builder.Finish();
  auto bytes = std::make_unique<char[]>(contents.size());
  std::memcpy(bytes.get(), contents.data(), contents.size());
  Block block;
  EXPECT_TRUE(Block::Parse(std::move(bytes), contents.size(), &block).ok());
  return block;
}

size_t Charge() { return BlockOf(0).size() + sizeof(CachedBlock); }

void ExpectHolds(const BlockPin& pin, uint64_t number) {
  ASSERT_TRUE(pin);
  BlockWalker walker;
  walker.Attach(pin.get());
  walker.SeekToFirst();
  ASSERT_TRUE(walker.valid());
  EXPECT_EQ(walker.key(), "key" + std::to_string(1'000'000 + number));
}

// As a table reads a block; true if it was there.
bool Read(BlockSlots* slots, uint32_t block, CacheFill fill = CacheFill::kAlways) {
  if (const BlockPin pin = slots->Find(block); pin) return true;
  const BlockPin pin = slots->Insert(block, BlockOf(block), fill);
  return false;
}

TEST(Cache, FindsWhatWasInserted) {
  BlockCache cache(1 << 20);
  BlockSlots slots(&cache, 7, 100);
  EXPECT_FALSE(slots.Find(3));
  ExpectHolds(slots.Insert(3, BlockOf(3), CacheFill::kAlways), 3);
  ExpectHolds(slots.Find(3), 3);
  EXPECT_FALSE(slots.Find(4));
  const CacheStats stats = cache.Stats();
  EXPECT_EQ(stats.capacity_bytes, uint64_t{1} << 20);
  EXPECT_EQ(stats.used_bytes, Charge());
  EXPECT_EQ(stats.blocks, 1u);
  EXPECT_EQ(stats.hits, 1u);
  EXPECT_EQ(stats.misses, 2u);
  EXPECT_EQ(stats.evictions, 0u);
}

TEST(Cache, TheFasterThreadsBlockIsReturned) {
  BlockCache cache(1 << 20);
  BlockSlots slots(&cache, 7, 4);
  const BlockPin first = slots.Insert(0, BlockOf(0), CacheFill::kAlways);
  const BlockPin second = slots.Insert(0, BlockOf(0), CacheFill::kAlways);
  const BlockPin third = slots.Insert(0, BlockOf(0), CacheFill::kNever);
  EXPECT_EQ(first.get(), second.get());
  EXPECT_EQ(first.get(), third.get());
  EXPECT_EQ(cache.Stats().blocks, 1u);
}

TEST(Cache, WithoutFillABlockIsOnlyPinned) {
  BlockCache cache(1 << 20);
  BlockSlots slots(&cache, 7, 4);
  ExpectHolds(slots.Insert(0, BlockOf(0), CacheFill::kNever), 0);
  EXPECT_FALSE(slots.Find(0));
  EXPECT_EQ(cache.Stats().used_bytes, 0u);
}

TEST(Cache, WhatIsKeptIfThereIsRoomMakesNone) {
  BlockCache cache(10 * Charge() + Charge() / 2, 1);
  BlockSlots slots(&cache, 7, 100);
  for (uint32_t i = 0; i < 6; ++i) Read(&slots, i);
  for (uint32_t i = 50; i < 100; ++i) Read(&slots, i, CacheFill::kIfRoom);
  EXPECT_EQ(cache.Stats().blocks, 10u);
  EXPECT_EQ(cache.Stats().evictions, 0u);
  for (uint32_t i = 0; i < 6; ++i) EXPECT_TRUE(Read(&slots, i)) << i;
  for (uint32_t i = 50; i < 54; ++i) EXPECT_TRUE(Read(&slots, i)) << i;
  EXPECT_FALSE(slots.Find(54));
}

TEST(Cache, StaysWithinItsCapacity) {
  for (const size_t room : {0u, 1u, 2u, 10u, 50u}) {
    BlockCache cache(room * Charge() + Charge() / 2, 1);
    BlockSlots slots(&cache, 7, 200);
    for (uint32_t i = 0; i < 200; ++i) {
      Read(&slots, i);
      EXPECT_LE(cache.Stats().used_bytes, cache.Stats().capacity_bytes);
    }
    EXPECT_EQ(cache.Stats().blocks, room);
    EXPECT_EQ(cache.Stats().evictions, room == 0 ? 0 : 200 - room);
  }
}

TEST(Cache, AScanLeavesWhatIsHot) {
  BlockCache cache(100 * Charge(), 1);
  BlockSlots slots(&cache, 7, 10'000);
  for (int round = 0; round < 4; ++round) {
    for (uint32_t i = 0; i < 50; ++i) Read(&slots, i);
  }
  for (uint32_t i = 1000; i < 9000; ++i) Read(&slots, i);
  uint32_t hot = 0;
  for (uint32_t i = 0; i < 50; ++i) hot += Read(&slots, i);
  EXPECT_EQ(hot, 50u);
}

TEST(Cache, WhatComesBackSoonGoesToTheMainQueue) {
  BlockCache cache(100 * Charge(), 1);
  BlockSlots slots(&cache, 7, 10'000);
  for (uint32_t i = 0; i < 120; ++i) Read(&slots, i);
  EXPECT_FALSE(Read(&slots, 5));  // a ghost by now
  for (uint32_t i = 1000; i < 2000; ++i) Read(&slots, i);
  EXPECT_TRUE(Read(&slots, 5));
  EXPECT_FALSE(Read(&slots, 1001));
}

TEST(Cache, WhatWasHotIsForgottenInTheEnd) {
  BlockCache cache(100 * Charge(), 1);
  BlockSlots slots(&cache, 7, 10'000);
  for (uint32_t base = 0; base < 10'000; base += 500) {
    for (int round = 0; round < 20; ++round) {
      for (uint32_t i = 0; i < 80; ++i) Read(&slots, base + i);
    }
    uint32_t hot = 0;
    for (uint32_t i = 0; i < 80; ++i) hot += Read(&slots, base + i);
    EXPECT_GE(hot, 75u) << base;
  }
}

TEST(Cache, SetCapacityShrinksAtOnce) {
  BlockCache cache(1000 * Charge());
  BlockSlots slots(&cache, 7, 500);
  for (uint32_t i = 0; i < 500; ++i) Read(&slots, i);
  EXPECT_EQ(cache.Stats().blocks, 500u);
  cache.SetCapacity(100 * Charge());
  EXPECT_LE(cache.Stats().used_bytes, 100 * Charge());
  EXPECT_GE(cache.Stats().blocks, 80u);
  cache.SetCapacity(0);
  EXPECT_EQ(cache.Stats().used_bytes, 0u);
  EXPECT_EQ(cache.Stats().blocks, 0u);
  EXPECT_EQ(cache.Stats().evictions, 500u);
  cache.SetCapacity(1000 * Charge());
  Read(&slots, 1);
  EXPECT_TRUE(Read(&slots, 1));
}

TEST(Cache, SlotsTakeTheirBlocksWithThem) {
  BlockCache cache(1000 * Charge());
  BlockSlots stays(&cache, 1, 5);
  for (uint32_t i = 0; i < 5; ++i) Read(&stays, i);
  for (const uint32_t blocks : {0u, 1u, 3u, 16u, 17u, 200u}) {
    BlockSlots slots(&cache, 2, blocks);
    for (uint32_t i = 0; i < blocks; ++i) Read(&slots, i);
    EXPECT_EQ(cache.Stats().blocks, blocks + 5);
  }
  EXPECT_EQ(cache.Stats().blocks, 5u);
  EXPECT_EQ(cache.Stats().used_bytes, 5 * Charge());
}

TEST(Cache, PinsOutliveEvictionTableAndCache) {
  BlockPin evicted, kept, unpinned;
  {
    BlockCache cache(10 * Charge(), 1);
    BlockSlots slots(&cache, 7, 100);
    evicted = slots.Insert(0, BlockOf(0), CacheFill::kAlways);
    for (uint32_t i = 1; i < 50; ++i) Read(&slots, i);
    EXPECT_FALSE(slots.Find(0));
    kept = slots.Insert(60, BlockOf(60), CacheFill::kAlways);
    unpinned = slots.Insert(61, BlockOf(61), CacheFill::kNever);
  }
  ExpectHolds(evicted, 0);
  ExpectHolds(kept, 60);
  ExpectHolds(unpinned, 61);
  kept = std::move(evicted);
  ExpectHolds(kept, 0);
  EXPECT_FALSE(evicted);
  kept.Release();
  EXPECT_EQ(kept.get(), nullptr);
}

TEST(Cache, WithoutACacheSlotsOnlyPin) {
  BlockSlots slots(nullptr, 7, 4);
  ExpectHolds(slots.Insert(2, BlockOf(2), CacheFill::kAlways), 2);
  EXPECT_FALSE(slots.Find(2));
}

TEST(Cache, ManyThreads) {
  BlockCache cache(100 * Charge(), 4);
  BlockSlots shared(&cache, 1, 300);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      SeededRandom random(thread);
      std::vector<BlockPin> pins(8);
      for (int round = 0; round < 20; ++round) {
        BlockSlots own(&cache, 2 + thread, 50);
        for (int i = 0; i < 200; ++i) {
          const auto block = static_cast<uint32_t>(random.Below(300));
          BlockPin pin = shared.Find(block);
          if (!pin)
            pin = shared.Insert(block, BlockOf(block), static_cast<CacheFill>(random.Below(3)));
          ExpectHolds(pin, block);
          pins[random.Below(8)] = std::move(pin);
          Read(&own, block % 50);
        }
        if (thread == 0) cache.SetCapacity(random.Below(200) * Charge());
        EXPECT_LE(cache.Stats().blocks, 1000u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  cache.SetCapacity(0);
  EXPECT_EQ(cache.Stats().blocks, 0u);
}

}  // namespace
}  // namespace varve
