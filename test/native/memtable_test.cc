#include "core/memtable.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

#include "core/coding.h"
#include "core/hash.h"

namespace varve {
namespace {

struct Version {
  Sequence sequence;
  Kind kind;
  std::string value;  // as stored
};
struct Model {
  std::map<std::string, std::vector<Version>> keys;  // newest last
  std::vector<RangeTombstone> ranges;
};

LookupResult Get(const Memtable& memtable, Slice key, Sequence sequence = kSequenceMax) {
  LookupResult result;
  memtable.Get({key, Hash64(key), sequence}, &result);
  return result;
}

std::string Stored(Kind kind, const std::string& value, uint64_t expires_at) {
  std::string stored;
  if (kind == Kind::kPutExpiring) PutFixed64(&stored, expires_at);
  return stored + value;
}

void Write(std::mt19937_64* random, Sequence sequence, Memtable* memtable, Model* model) {
  const auto key_of = [random] { return "k" + std::to_string((*random)() % 300); };
  if ((*random)() % 40 == 0) {
    std::string start = key_of(), end = key_of();
    ASSERT_TRUE(memtable->AddRange(sequence, start, end).ok());
    if (start < end) model->ranges.push_back({start, end, sequence});
    return;
  }
  static constexpr Kind kKinds[] = {Kind::kPut, Kind::kPut, Kind::kPutExpiring, Kind::kTombstone,
                                    Kind::kExpire};
  const Kind kind = kKinds[(*random)() % 5];
  const std::string key = key_of();
  const std::string value = IsTombstone(kind) ? "" : std::string((*random)() % 60, 'v');
  const uint64_t expires_at = (*random)();
  ASSERT_TRUE(memtable->Add(sequence, kind, key, value, expires_at).ok());
  model->keys[key].push_back({sequence, kind, Stored(kind, value, expires_at)});
}

void CheckGet(const Memtable& memtable, const Model& model, const std::string& key,
              Sequence sequence) {
  Sequence covering = 0;
  for (const RangeTombstone& range : model.ranges) {
    if (range.sequence <= sequence && range.start <= key && key < range.end) {
      covering = std::max(covering, range.sequence);
    }
  }
  const Version* newest = nullptr;
  if (const auto found = model.keys.find(key); found != model.keys.end()) {
    for (const Version& version : found->second) {
      if (version.sequence <= sequence) newest = &version;
    }
  }
  const LookupResult result = Get(memtable, key, sequence);
  ASSERT_EQ(result.covering, covering);
  if (newest == nullptr) {
    ASSERT_EQ(result.state, LookupResult::State::kMissing);
    return;
  }
  const bool hidden = IsTombstone(newest->kind) || covering > newest->sequence;
  ASSERT_EQ(result.state, hidden ? LookupResult::State::kDeleted : LookupResult::State::kFound);
  ASSERT_EQ(result.sequence, newest->sequence);
  ASSERT_EQ(result.kind, newest->kind);
  ASSERT_EQ(result.value, hidden ? "" : newest->value);
}

void CheckCursor(const Memtable& memtable, const Model& model) {
  auto cursor = memtable.NewCursor();
  uint64_t entries = 0;
  cursor->SeekToFirst();
  for (const auto& [key, versions] : model.keys) {
    for (auto version = versions.rbegin(); version != versions.rend(); ++version, ++entries) {
      ASSERT_TRUE(cursor->valid());
      ASSERT_EQ(cursor->key(), key);
      ASSERT_EQ(cursor->trailer(), PackTrailer(version->sequence, version->kind));
      ASSERT_EQ(cursor->value(), version->value);
      cursor->Next();
    }
  }
  ASSERT_FALSE(cursor->valid());
  cursor->SeekToLast();
  for (auto entry = model.keys.rbegin(); entry != model.keys.rend(); ++entry) {
    for (const Version& version : entry->second) {
      ASSERT_TRUE(cursor->valid());
      ASSERT_EQ(cursor->key(), entry->first);
      ASSERT_EQ(cursor->sequence(), version.sequence);
      cursor->Prev();
    }
  }
  ASSERT_FALSE(cursor->valid());
  ASSERT_EQ(memtable.entries(), entries);
}

void CheckCounts(const Memtable& memtable, const Model& model) {
  uint64_t tombstones = 0, expiring = 0;
  for (const auto& [key, versions] : model.keys) {
    for (const Version& version : versions) {
      tombstones += IsTombstone(version.kind);
      expiring += version.kind == Kind::kPutExpiring;
    }
  }
  EXPECT_EQ(memtable.tombstones(), tombstones);
  EXPECT_EQ(memtable.expiring(), expiring);
  EXPECT_EQ(memtable.ranges().empty(), model.ranges.empty());
}

// What scans go through: lists of the newest sequences only.
void CheckLists(const Memtable& memtable, const Model& model, std::mt19937_64* random) {
  for (int round = 0; round < 50; ++round) {
    const Sequence visible = (*random)() % 4200;
    std::vector<const RangeTombstones*> lists;
    memtable.ranges().CollectLists(visible, &lists);
    EXPECT_LT(lists.size(), 30u);
    for (int i = 0; i < 50; ++i) {
      const std::string key = "k" + std::to_string((*random)() % 310);
      Sequence newest = 0, expected = 0;
      for (const auto* list : lists) newest = std::max(newest, list->Covering(key, kSequenceMax));
      for (const RangeTombstone& range : model.ranges) {
        if (range.sequence <= visible && range.start <= key && key < range.end) {
          expected = std::max(expected, range.sequence);
        }
      }
      ASSERT_EQ(newest, expected);
    }
  }
}

// bytes_expected 0 gives an index of 64 slots: it overflows at once.
TEST(Memtable, AgreesWithAModel) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  for (const size_t bytes_expected : {size_t{0}, size_t{1} << 20}) {
    std::mt19937_64 random(seed);
    Memtable memtable(bytes_expected);
    Model model;
    for (Sequence sequence = 1; sequence <= 4000; ++sequence) {
      Write(&random, sequence, &memtable, &model);
      const std::string key = "k" + std::to_string(random() % 310);
      CheckGet(memtable, model, key, random() % 2 ? kSequenceMax : random() % (sequence + 2));
      if (sequence % 1000 == 0) CheckCursor(memtable, model);
      if (HasFatalFailure()) return;
    }
    CheckCounts(memtable, model);
    std::vector<RangeSpan> spans;
    memtable.ranges().CollectSpans(&spans);
    EXPECT_EQ(spans.size(), model.ranges.size());
    EXPECT_EQ(memtable.ranges().size(), model.ranges.size());
    EXPECT_EQ(RangeTombstones::Fragmented(spans).size(), RangeTombstones(model.ranges).size());
    CheckLists(memtable, model, &random);
  }
}

TEST(Memtable, CursorSeeksBothWays) {
  Memtable memtable(1 << 20);
  Sequence sequence = 0;
  for (int i = 0; i < 1000; i += 2) {
    char key[16];
    std::snprintf(key, sizeof(key), "%04d", i);
    ASSERT_TRUE(memtable.Add(++sequence, Kind::kPut, key, key, 0).ok());
    ASSERT_TRUE(memtable.Add(++sequence, Kind::kPut, key, key, 0).ok());
  }
  auto cursor = memtable.NewCursor();
  cursor->Seek("0501", kTrailerFirst);
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "0502");
  EXPECT_EQ(cursor->sequence(), 504u);
  cursor->Seek("0502", SeekTrailer(503));
  EXPECT_EQ(cursor->sequence(), 503u);
  cursor->Seek("9", kTrailerFirst);
  EXPECT_FALSE(cursor->valid());
  cursor->SeekBefore("0502");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "0500");
  EXPECT_EQ(cursor->sequence(), 501u);  // the oldest version is the last entry
  for (int i = 0; i < 100; ++i) cursor->Prev();
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "0400");
  cursor->SeekBefore("0000");
  EXPECT_FALSE(cursor->valid());
}

// An old snapshot under a key that is overwritten on and on.
TEST(Memtable, FindsOldVersionsOfAHotKey) {
  Memtable memtable(1 << 20);
  for (Sequence sequence = 1; sequence <= 20'000; ++sequence) {
    ASSERT_TRUE(memtable.Add(sequence, Kind::kPut, "hot", std::to_string(sequence), 0).ok());
  }
  for (const Sequence sequence : {1u, 2u, 10'000u, 19'991u, 19'995u, 20'000u}) {
    EXPECT_EQ(Get(memtable, "hot", sequence).value, std::to_string(sequence));
  }
  EXPECT_FALSE(Get(memtable, "hot", 0).decided());
}

TEST(Memtable, ASmallOneHoldsAboutWhatItIsToHold) {
  for (const size_t expected : {size_t{16} << 10, size_t{64} << 10, size_t{1} << 20}) {
    Memtable memtable(expected);
    EXPECT_LT(memtable.bytes(), expected / 2);
    size_t added = 0;
    for (Sequence sequence = 1; memtable.bytes() < expected; sequence++) {
      const std::string key = "key" + std::to_string(sequence);
      ASSERT_TRUE(memtable.Add(sequence, Kind::kPut, key, std::string(100, 'v'), 0).ok());
      added += key.size() + 100;
    }
    EXPECT_GT(added, expected / 4);
    EXPECT_LE(added, expected);
  }
}

TEST(Memtable, LimitsAndLargeValues) {
  Memtable memtable(1 << 20);
  const size_t empty = memtable.bytes();
  EXPECT_GE(empty, (size_t{1} << 20) / 64 * 8);
  const std::string key(65535 + 3, 'k');
  const std::string value(20 << 20, 'v');
  ASSERT_TRUE(memtable.Add(1, Kind::kPut, key, value, 0).ok());
  ASSERT_TRUE(memtable.Add(2, Kind::kPut, "", "", 0).ok());
  ASSERT_TRUE(memtable.Add(3, Kind::kPut, Slice(), Slice(), 0).ok());
  EXPECT_EQ(Get(memtable, key).value, value);
  EXPECT_EQ(Get(memtable, "").sequence, 3u);
  EXPECT_GE(memtable.bytes(), empty + value.size());
  EXPECT_EQ(memtable.Add(4, Kind::kPut, std::string(70'000, 'k'), "", 0).code(), Code::kTooLarge);
  const Slice huge(value.data(), (size_t{1} << 30) + 1);  // refused before it is read
  EXPECT_EQ(memtable.Add(4, Kind::kPut, "k", huge, 0).code(), Code::kTooLarge);
  EXPECT_EQ(memtable.entries(), 3u);
}

TEST(Memtable, ManyRangeTombstonesAreCountedAndAnswered) {
  constexpr int kRanges = 3000;
  Memtable memtable(1 << 20);
  const size_t empty = memtable.bytes();
  EXPECT_TRUE(memtable.ranges().empty());
  ASSERT_TRUE(memtable.AddRange(1, "b", "a").ok());
  EXPECT_TRUE(memtable.ranges().empty());
  for (int i = 0; i < kRanges; ++i) {
    const std::string start = "key" + std::to_string(100'000 + 10 * i);
    const std::string end = "key" + std::to_string(100'005 + 10 * i);
    ASSERT_TRUE(memtable.AddRange(i + 1, start, end).ok());
    ASSERT_EQ(Get(memtable, start).covering, static_cast<Sequence>(i + 1));
    ASSERT_EQ(Get(memtable, end).covering, 0u);
  }
  EXPECT_GE(memtable.bytes(), empty + kRanges * 100);
  EXPECT_EQ(memtable.ranges().size(), static_cast<uint64_t>(kRanges));
  EXPECT_EQ(Get(memtable, "key100000").covering, 1u);
  EXPECT_EQ(Get(memtable, "key129990", 2999).covering, 0u);
}

// As a queue does that deletes what it has handled, all of it each time.
TEST(Memtable, NestedRangeTombstonesTakeNoMoreRoomThanOthers) {
  constexpr int kRanges = 20000;
  Memtable memtable(1 << 20);
  const size_t empty = memtable.bytes();
  for (int i = 0; i < kRanges; ++i) {
    const std::string end = "key" + std::to_string(100'000 + i);
    ASSERT_TRUE(memtable.AddRange(2 * i + 1, "key", end).ok());
    ASSERT_TRUE(memtable.AddRange(2 * i + 2, end, "kez").ok());
  }
  EXPECT_LT(memtable.bytes(), empty + kRanges * 2 * 1000);
  for (int i = 1; i < kRanges; i += 777) {
    const std::string end = "key" + std::to_string(100'000 + i);
    EXPECT_EQ(Get(memtable, end, 2 * i + 1).covering, static_cast<Sequence>(2 * i));
    EXPECT_EQ(Get(memtable, end, 2 * i + 2).covering, static_cast<Sequence>(2 * i + 2));
    EXPECT_EQ(Get(memtable, end).covering, static_cast<Sequence>(2 * kRanges - 1));
  }
}

// Readers follow the visible sequence of a writer; run it under the thread sanitizer.
TEST(Memtable, ReadersSeeWhatIsVisible) {
  constexpr Sequence kWrites = 20'000;
  constexpr Sequence kKeys = 1500;  // more than the index takes
  Memtable memtable(64 << 10);
  std::atomic<Sequence> visible{0};
  const auto key_of = [](Sequence i) { return "key" + std::to_string(i * 7919 % kKeys); };
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(reader);
      for (Sequence now = 0; now < kWrites;) {
        now = visible.load(std::memory_order_acquire);
        if (now == 0) continue;
        const Sequence chosen = 1 + random() % now;  // its key's newest version at `chosen`
        const LookupResult result = Get(memtable, key_of(chosen), chosen);
        ASSERT_EQ(result.sequence, chosen);
        ASSERT_EQ(Get(memtable, "a", now).covering, now / 1000 * 1000);
        ASSERT_EQ(result.value, std::to_string(chosen));
        auto cursor = memtable.NewCursor();
        cursor->Seek(key_of(chosen), SeekTrailer(chosen));
        ASSERT_TRUE(cursor->valid());
        ASSERT_EQ(cursor->sequence(), chosen);
        for (int i = 0; i < 5 && cursor->valid(); ++i) cursor->Next();
        cursor->SeekBefore(key_of(chosen));
        for (int i = 0; i < 5 && cursor->valid(); ++i) cursor->Prev();
        std::vector<const RangeTombstones*> lists;
        memtable.ranges().CollectLists(now, &lists);
        ASSERT_LE(lists.size(), 12u);
        ASSERT_GT(memtable.bytes(), 0u);
      }
    });
  }
  for (Sequence sequence = 1; sequence <= kWrites; ++sequence) {
    if (sequence % 1000 == 0) {
      ASSERT_TRUE(memtable.AddRange(sequence, "a", "b").ok());
    }
    ASSERT_TRUE(
        memtable.Add(sequence, Kind::kPut, key_of(sequence), std::to_string(sequence), 0).ok());
    visible.store(sequence, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace varve
