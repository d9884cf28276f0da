#include "core/entry_tree.h"

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

constexpr int kKinds = 5;

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
    case 3: {  // mostly ascending behind a long shared start, which a few keys do not have
      static uint64_t clock = 0;
      clock += (*random)() % 100 == 0 ? (*random)() % 1'000'000 : (*random)() % 3;
      char key[64];
      std::snprintf(key, sizeof(key), "%s/%014llu/%02d",
                    (*random)() % 50 ? "events/by-time" : "events",
                    static_cast<unsigned long long>(clock), static_cast<int>((*random)() % 30));
      return key;
    }
    default:  // one key, many versions, a few neighbours
      return (*random)() % 10 ? "hot" : "hot" + std::to_string((*random)() % 9);
  }
}

void ExpectSame(const EntryTree::Entry* found, Model::const_iterator entry, const Model& model) {
  if (entry == model.end()) {
    ASSERT_EQ(found, nullptr);
    return;
  }
  ASSERT_NE(found, nullptr);
  ASSERT_EQ(found->key(), entry->first.first);
  ASSERT_EQ(found->trailer, ~entry->first.second);
  ASSERT_EQ(found->value(), entry->second);
}

const EntryTree::Entry* SeekBefore(const EntryTree& tree, Slice key, uint64_t trailer) {
  EntryTree::Batch batch;
  const int before = tree.Seek(key, trailer, &batch);
  return before == 0 ? nullptr : batch.entries[before - 1];
}

void CheckSeeks(const EntryTree& tree, const Model& model, const std::string& key,
                uint64_t trailer) {
  const auto after = model.lower_bound({key, ~trailer});
  ExpectSame(tree.SeekAtOrAfter(key, trailer), after, model);
  const auto before = after == model.begin() ? model.end() : std::prev(after);
  ExpectSame(SeekBefore(tree, key, trailer), before, model);
}

std::vector<const EntryTree::Entry*> AllOf(const EntryTree& tree) {
  std::vector<const EntryTree::Entry*> all;
  EntryTree::Batch batch;
  tree.First(&batch);
  do {
    all.insert(all.end(), batch.entries, batch.entries + batch.count);
  } while (tree.Next(&batch));
  return all;
}

void CheckWalks(const EntryTree& tree, const Model& model) {
  const auto all = AllOf(tree);
  ASSERT_EQ(all.size(), model.size());
  size_t i = 0;
  for (auto entry = model.begin(); entry != model.end(); ++entry) {
    ExpectSame(all[i++], entry, model);
    if (testing::Test::HasFatalFailure()) return;
  }
  EntryTree::Batch last;
  tree.Last(&last);
  ASSERT_EQ(last.count == 0, all.empty());
  if (last.count > 0) {
    ASSERT_EQ(last.entries[last.count - 1], all.back());
  }
}

void RunModel(uint64_t seed, int kind) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << " kind " << kind);
  std::mt19937_64 random(seed);
  Arena arena;
  EntryTree tree(&arena);
  Model model;
  CheckWalks(tree, model);
  for (uint64_t sequence = 1; sequence <= 2500; ++sequence) {
    const std::string key = RandomKey(&random, kind);
    const uint64_t trailer = PackTrailer(sequence, Kind::kPut);
    const std::string head(random() % 2 * 8, 'h'), value(random() % 50, 'v');
    ASSERT_NE(tree.Insert(key, trailer, head, value), nullptr);
    model[{key, ~trailer}] = head + value;
    const std::string sought = RandomKey(&random, random() % 8 ? kind : random() % kKinds);
    const uint64_t at = random() % 3 == 0   ? kTrailerFirst
                        : random() % 2 == 0 ? kTrailerLast
                                            : SeekTrailer(random() % (sequence + 1));
    CheckSeeks(tree, model, sought, at);
    if (testing::Test::HasFatalFailure()) return;
    if ((sequence & (sequence - 1)) == 0) CheckWalks(tree, model);
  }
  CheckWalks(tree, model);
}

TEST(EntryTree, AgreesWithASortedMap) {
  const uint64_t seed = std::random_device{}();
  for (int kind = 0; kind < kKinds; ++kind) {
    for (int round = 0; round < 4; ++round) {
      RunModel(seed + round, kind);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(EntryTree, TakesAscendingAndDescendingKeys) {
  for (const bool ascending : {true, false}) {
    Arena arena;
    EntryTree tree(&arena);
    for (uint64_t i = 0; i < 5000; ++i) {
      char key[24];
      std::snprintf(key, sizeof(key), "%020llu",
                    static_cast<unsigned long long>(ascending ? i : 5000 - i));
      ASSERT_NE(tree.Insert(key, PackTrailer(i + 1, Kind::kPut), "", "value"), nullptr);
    }
    std::string last;
    const auto all = AllOf(tree);
    for (const auto* entry : all) {
      ASSERT_LT(last, entry->key());
      last = entry->key();
    }
    EXPECT_EQ(all.size(), 5000u);
  }
}

// A whole walk meets every entry that was there when it began, each once.
void WalkWhileInserting(bool ascending) {
  constexpr uint64_t kKeys = 30'000;
  Arena arena;
  EntryTree tree(&arena);
  std::atomic<uint64_t> published{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      for (uint64_t count = 0; count < kKeys;) {
        count = published.load(std::memory_order_acquire);
        const auto all = AllOf(tree);
        uint64_t met = 0;
        for (size_t i = 0; i < all.size(); ++i) {
          if (i > 0) {
            ASSERT_LT(all[i - 1]->key(), all[i]->key());
          }
          met += TrailerSequence(all[i]->trailer) <= count;
        }
        ASSERT_EQ(met, count);
      }
    });
  }
  std::mt19937_64 random(1);
  for (uint64_t i = 1; i <= kKeys; ++i) {
    std::string key(8, '\0');
    EncodeFixed64(key.data(), ascending ? __builtin_bswap64(i * 16 + random() % 64) : random());
    key += std::to_string(i);
    ASSERT_NE(tree.Insert(key, PackTrailer(i, Kind::kPut), "", ""), nullptr);
    published.store(i, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

TEST(EntryTree, WalksMissNothingBesideSplits) { WalkWhileInserting(false); }
TEST(EntryTree, WalksMissNothingBesideAscendingKeys) { WalkWhileInserting(true); }

// One thread inserts and says how far it is; others seek and walk, and must find whatever was
// inserted before, in order. Run it under the thread sanitizer.
TEST(EntryTree, ReadersSeeEveryEntryPublishedBefore) {
  constexpr uint64_t kKeys = 20'000;
  Arena arena;
  EntryTree tree(&arena);
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
        const auto* entry = tree.SeekAtOrAfter(key, kTrailerFirst);
        ASSERT_NE(entry, nullptr);
        ASSERT_EQ(entry->key(), key);
        ASSERT_EQ(entry->value(), std::to_string(i));
        const auto* before = SeekBefore(tree, key, kTrailerFirst);
        if (before != nullptr) {
          ASSERT_LT(before->key(), key);
        }
        EntryTree::Batch batch;
        tree.Seek(key, kTrailerFirst, &batch);
        std::string last;
        for (int steps = 0; steps < 4; ++steps) {
          for (int at = 0; at < batch.count; ++at) {
            ASSERT_LT(last, batch.entries[at]->key());
            last = batch.entries[at]->key();
          }
          if (!tree.Next(&batch)) break;
        }
      }
    });
  }
  for (uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_NE(tree.Insert(key_of(i), PackTrailer(i + 1, Kind::kPut), "", std::to_string(i)),
              nullptr);
    published.store(i + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace varve
