#include "core/skiplist.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

#include "core/coding.h"

namespace varve {
namespace {

// (key, ~trailer) sorts as entries do.
using Model = std::map<std::pair<std::string, uint64_t>, std::string>;

std::string RandomKey(std::mt19937_64* random, int kind) {
  switch (kind) {
    case 0: {  // short, often prefixes of each other, zeros among them
      std::string key((*random)() % 4, '\0');
      for (char& byte : key) byte = static_cast<char>((*random)() % 3 * 127);
      return key;
    }
    case 1:  // decimals behind a shared start
      return "common/" + std::to_string((*random)() % 3000);
    case 2: {  // random bytes of any length
      std::string key((*random)() % 40, '\0');
      for (char& byte : key) byte = static_cast<char>((*random)());
      return key;
    }
    default:  // one key, many versions, a few neighbours
      return (*random)() % 10 ? "hot" : "hot" + std::to_string((*random)() % 9);
  }
}

void ExpectSame(const SkipList::Node* node, Model::const_iterator entry, const Model& model) {
  if (entry == model.end()) {
    ASSERT_EQ(node, nullptr);
    return;
  }
  ASSERT_NE(node, nullptr);
  ASSERT_EQ(node->key(), entry->first.first);
  ASSERT_EQ(node->trailer, ~entry->first.second);
  ASSERT_EQ(node->value(), entry->second);
}

void CheckSeeks(const SkipList& list, const Model& model, const std::string& key,
                uint64_t trailer) {
  const auto after = model.lower_bound({key, ~trailer});
  ExpectSame(list.SeekAtOrAfter(key, trailer), after, model);
  const auto before = after == model.begin() ? model.end() : std::prev(after);
  ExpectSame(list.SeekBefore(key, trailer), before, model);
}

void CheckWalks(const SkipList& list, const Model& model) {
  const SkipList::Node* node = list.First();
  for (auto entry = model.begin(); entry != model.end(); ++entry) {
    ExpectSame(node, entry, model);
    if (testing::Test::HasFatalFailure()) return;
    node = SkipList::Next(node);
  }
  ASSERT_EQ(node, nullptr);
  ExpectSame(list.Last(), model.empty() ? model.end() : std::prev(model.end()), model);
}

void RunModel(uint64_t seed, int kind, Slice common) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << " kind " << kind);
  std::mt19937_64 random(seed);
  Arena arena;
  SkipList list(&arena, common);
  Model model;
  CheckWalks(list, model);
  for (uint64_t sequence = 1; sequence <= 2500; ++sequence) {
    const std::string key = RandomKey(&random, kind);
    const uint64_t trailer = PackTrailer(sequence, Kind::kPut);
    const std::string head(random() % 2 * 8, 'h'), value(random() % 50, 'v');
    ASSERT_NE(list.Insert(key, trailer, head, value), nullptr);
    model[{key, ~trailer}] = head + value;
    const std::string sought = RandomKey(&random, random() % 8 ? kind : random() % 4);
    const uint64_t at = random() % 3 == 0   ? kTrailerFirst
                        : random() % 2 == 0 ? kTrailerLast
                                            : SeekTrailer(random() % (sequence + 1));
    CheckSeeks(list, model, sought, at);
    if (testing::Test::HasFatalFailure()) return;
    if ((sequence & (sequence - 1)) == 0) CheckWalks(list, model);
  }
  CheckWalks(list, model);
}

TEST(SkipList, AgreesWithASortedMap) {
  const uint64_t seed = std::random_device{}();
  for (int kind = 0; kind < 4; ++kind) {
    for (const char* common : {"", "common/", "common/1", "zzz", "h"}) {
      RunModel(seed, kind, common);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(SkipList, TakesAscendingAndDescendingKeys) {
  for (const bool ascending : {true, false}) {
    Arena arena;
    SkipList list(&arena, "");
    for (uint64_t i = 0; i < 5000; ++i) {
      char key[24];
      std::snprintf(key, sizeof(key), "%020llu",
                    static_cast<unsigned long long>(ascending ? i : 5000 - i));
      ASSERT_NE(list.Insert(key, PackTrailer(i + 1, Kind::kPut), "", "value"), nullptr);
    }
    std::string last;
    int count = 0;
    for (auto node = list.First(); node != nullptr; node = SkipList::Next(node), ++count) {
      ASSERT_LT(last, node->key());
      last = node->key();
    }
    EXPECT_EQ(count, 5000);
    EXPECT_EQ(list.Last()->key(), last);
  }
}

// One thread inserts and says how far it is; others seek and walk, and must find whatever was
// inserted before, in order. Run it under the thread sanitizer.
TEST(SkipList, ReadersSeeEveryEntryPublishedBefore) {
  constexpr uint64_t kKeys = 20'000;
  Arena arena;
  SkipList list(&arena, "");
  std::atomic<uint64_t> published{0};
  const auto key_of = [](uint64_t i) {
    const uint64_t scattered = __builtin_bswap64((i + 1) * 0x9e3779b97f4a7c15);
    std::string key(8, '\0');
    EncodeFixed64(key.data(), scattered);
    return key;
  };
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(reader);
      while (published.load(std::memory_order_acquire) < kKeys) {
        const uint64_t count = published.load(std::memory_order_acquire);
        if (count == 0) continue;
        const uint64_t i = random() % count;
        const std::string key = key_of(i);
        const auto* node = list.SeekAtOrAfter(key, kTrailerFirst);
        ASSERT_NE(node, nullptr);
        ASSERT_EQ(node->key(), key);
        ASSERT_EQ(node->value(), std::to_string(i));
        const auto* before = list.SeekBefore(key, kTrailerFirst);
        if (before != nullptr) {
          ASSERT_LT(before->key(), key);
        }
        std::string last;
        int steps = 0;
        for (; node != nullptr && steps < 20; node = SkipList::Next(node), ++steps) {
          ASSERT_LE(last, node->key());
          last = node->key();
        }
        ASSERT_NE(list.Last(), nullptr);
      }
    });
  }
  for (uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_NE(list.Insert(key_of(i), PackTrailer(i + 1, Kind::kPut), "", std::to_string(i)),
              nullptr);
    published.store(i + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace varve
