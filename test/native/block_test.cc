#include "core/block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/block_builder.h"
#include "core/coding.h"
#include "core/hash.h"
#include "core/seeded_random.h"

namespace varve {
namespace {

using Found = Block::Found;

struct Entry {
  std::string key;
  uint64_t trailer = 0;
  std::string value;
};

bool Before(const Entry& a, const Entry& b) {
  return CompareEntries(a.key, a.trailer, b.key, b.trailer) < 0;
}

// Of exactly the size, so that the address sanitizer sees any step outside.
Status Parse(Slice contents, Block* block) {
  auto bytes = std::make_unique<char[]>(contents.size());
  std::memcpy(bytes.get(), contents.data(), contents.size());
  return Block::Parse(std::move(bytes), contents.size(), block);
}

std::string Build(const std::vector<Entry>& entries, int interval = 8, bool index = true) {
  BlockBuilder builder(interval, index);
  for (const Entry& entry : entries) {
    builder.Add(entry.key, Hash64(entry.key), entry.trailer, entry.value);
  }
  const size_t estimate = builder.SizeEstimate();
  const Slice contents = builder.Finish();
  EXPECT_EQ(contents.size(), estimate);
  return std::string(contents);
}

std::vector<Entry> RandomEntries(SeededRandom* random, size_t count) {
  std::vector<Entry> entries;
  uint64_t sequence = 1000;
  while (entries.size() < count) {
    std::string key(random->Below(4), 'p');
    for (uint64_t i = random->Below(20); i > 0; --i)
      key += static_cast<char>('a' + random->Below(3));
    const uint64_t versions = random->Below(8) == 0 ? 1 + random->Below(30) : 1;
    for (uint64_t i = 0; i < versions; ++i) {
      const std::string value(random->Below(10) == 0 ? random->Below(400) : random->Below(9), 'v');
      entries.push_back(
          {key, PackTrailer(--sequence + 2000 * random->Below(2), Kind::kPut), value});
    }
  }
  std::sort(entries.begin(), entries.end(), Before);
  const auto same = [](const Entry& a, const Entry& b) { return !Before(a, b); };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  return entries;
}

void ExpectGet(const Block& block, const std::vector<Entry>& entries, const Entry& target) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), target, Before);
  uint64_t trailer = 0;
  Slice value;
  const Found found = block.Get(target.key, Hash64(target.key), target.trailer, &trailer, &value);
  if (at == entries.end()) {
    EXPECT_EQ(found, Found::kNextBlock);
  } else if (at->key != target.key) {
    EXPECT_EQ(found, Found::kAbsent);
  } else {
    ASSERT_EQ(found, Found::kFound);
    EXPECT_EQ(trailer, at->trailer);
    EXPECT_EQ(value, at->value);
  }
}

void ExpectAt(const BlockWalker& walker, const std::vector<Entry>& entries, ptrdiff_t at) {
  ASSERT_FALSE(walker.damaged());
  const bool inside = at >= 0 && at < static_cast<ptrdiff_t>(entries.size());
  ASSERT_EQ(walker.valid(), inside);
  if (!inside) return;
  const Entry& entry = entries[static_cast<size_t>(at)];
  ASSERT_EQ(walker.key(), entry.key);
  ASSERT_EQ(walker.trailer(), entry.trailer);
  ASSERT_EQ(walker.value(), entry.value);
}

void ExpectSeeks(const Block& block, const std::vector<Entry>& entries, const Entry& target) {
  BlockWalker walker;
  walker.Attach(&block);
  walker.Seek(target.key, target.trailer);
  const auto at = std::lower_bound(entries.begin(), entries.end(), target, Before);
  ExpectAt(walker, entries, at - entries.begin());
  if (walker.valid()) {
    walker.Prev();
    ExpectAt(walker, entries, at - entries.begin() - 1);
  }
  walker.SeekBefore(target.key);
  const auto before = std::lower_bound(entries.begin(), entries.end(),
                                       Entry{target.key, kTrailerFirst, ""}, Before);
  ExpectAt(walker, entries, before - entries.begin() - 1);
  if (walker.valid()) {
    walker.Next();
    ExpectAt(walker, entries, before - entries.begin());
  }
}

void ExpectWalks(const Block& block, const std::vector<Entry>& entries, SeededRandom* random) {
  const auto count = static_cast<ptrdiff_t>(entries.size());
  BlockWalker walker;
  walker.Attach(&block);
  walker.SeekToFirst();
  for (ptrdiff_t i = 0; i < count; ++i, walker.Next()) ExpectAt(walker, entries, i);
  ExpectAt(walker, entries, count);
  walker.SeekToLast();
  for (ptrdiff_t i = count - 1; i >= 0; --i, walker.Prev()) ExpectAt(walker, entries, i);
  ExpectAt(walker, entries, -1);
  walker.SeekToFirst();
  ptrdiff_t at = 0;
  for (int step = 0; step < 200 && walker.valid(); ++step) {
    const bool forward = random->Below(5) < 3;
    forward ? walker.Next() : walker.Prev();
    at += forward ? 1 : -1;
    ExpectAt(walker, entries, at);
  }
}

TEST(Block, AgreesWithAModel) {
  SeededRandom random(1);
  for (int round = 0; round < 60; ++round) {
    const std::vector<Entry> entries = RandomEntries(&random, 1 + random.Below(150));
    const int interval = static_cast<int>(1 + random.Below(17));
    Block block;
    ASSERT_TRUE(Parse(Build(entries, interval, random.Coin()), &block).ok());
    ExpectWalks(block, entries, &random);
    std::vector<Entry> targets = RandomEntries(&random, 50);
    targets.insert(targets.end(), entries.begin(), entries.end());
    for (Entry target : targets) {
      for (const uint64_t trailer : {target.trailer - 1, target.trailer, target.trailer + 1,
                                     kTrailerFirst, kTrailerLast, SeekTrailer(kSequenceMax)}) {
        target.trailer = trailer;
        ExpectGet(block, entries, target);
        ExpectSeeks(block, entries, target);
      }
    }
    if (HasFatalFailure() || HasFailure()) return;
  }
}

TEST(Block, VersionsGoOnOverRestartsAndIntoTheNextBlock) {
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 5; ++i) entries.push_back({"a" + std::to_string(i), 256, "x"});
  for (uint64_t i = 60; i >= 20; --i) entries.push_back({"k", PackTrailer(i, Kind::kPut), "y"});
  Block block;
  ASSERT_TRUE(Parse(Build(entries, 4), &block).ok());
  ASSERT_GT(block.restarts(), 10u);
  for (uint64_t i = 10; i < 70; ++i) ExpectGet(block, entries, {"k", SeekTrailer(i), ""});
  uint64_t trailer = 0;
  Slice value;
  EXPECT_EQ(block.Get("k", Hash64("k"), SeekTrailer(19), &trailer, &value), Found::kNextBlock);
  EXPECT_EQ(block.Get("l", Hash64("l"), SeekTrailer(19), &trailer, &value), Found::kNextBlock);
  EXPECT_EQ(block.Get("a9", Hash64("a9"), SeekTrailer(19), &trailer, &value), Found::kAbsent);
}

TEST(Block, KeysThatShareATagAreFound) {
  // 600 entries have 256 tags at most: most lookups meet another key's first.
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 600; ++i) entries.push_back({std::to_string(1000 + 2 * i), 256, "x"});
  for (const int interval : {1, 2, 3, 8, 1000}) {
    Block block;
    ASSERT_TRUE(Parse(Build(entries, interval), &block).ok());
    for (uint64_t key = 999; key < 2202; ++key) {
      ExpectGet(block, entries, {std::to_string(key), SeekTrailer(kSequenceMax), ""});
    }
  }
}

TEST(Block, TooManyEntriesHaveNoHashIndex) {
  for (const size_t count : {UINT16_MAX, UINT16_MAX + 1}) {
    std::vector<Entry> entries;
    for (size_t i = 0; i < count; ++i) entries.push_back({std::to_string(100000 + i), 256, ""});
    const std::string contents = Build(entries, 8);
    const uint32_t tags = DecodeFixed16(contents.data() + contents.size() - 4);
    EXPECT_EQ(tags, count == UINT16_MAX ? count : 0);
    Block block;
    ASSERT_TRUE(Parse(contents, &block).ok());
    uint64_t trailer;
    Slice value;
    for (const char* key : {"100000", "104321", "165534"}) {
      EXPECT_EQ(block.Get(key, Hash64(key), SeekTrailer(kSequenceMax), &trailer, &value),
                Found::kFound);
    }
  }
}

TEST(Block, TagsThatDoNotFitTheRestartsAreDamage) {
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 20; ++i) entries.push_back({std::to_string(1000 + i), 256, "x"});
  const std::string contents = Build(entries, 4);
  Block block;
  ASSERT_TRUE(Parse(contents, &block).ok());
  for (const uint16_t interval : {0, 1, 3, 5, 20, 65535}) {
    std::string damaged = contents.substr(0, contents.size() - 2);
    PutFixed16(&damaged, interval);
    EXPECT_FALSE(Parse(damaged, &block).ok()) << interval;
  }
}

TEST(Block, HasTheDocumentedForm) {
  const std::string contents = Build({{"ab", 0x101, "1"}, {"ac", 0x201, ""}, {"b", 0x301, "2"}}, 2);
  std::string expected(
      "\0\x02\x01"
      "ab\x01\x01\0\0\0\0\0\0"
      "1"
      "\x01\x01\0"
      "c\x01\x02\0\0\0\0\0\0"
      "\0\x01\x01"
      "b\x01\x03\0\0\0\0\0\0"
      "2",
      39);
  expected += std::string("\0\0\0\0\x1a\0\0\0", 8);
  for (const char* key : {"ab", "ac", "b"}) expected.push_back(static_cast<char>(Hash64(key)));
  expected += std::string("\x02\0\0\0\x03\0\x02\0", 8);
  EXPECT_EQ(contents, expected);
}

TEST(Block, EmptyOne) {
  Block block;
  ASSERT_TRUE(Parse(Build({}), &block).ok());
  ExpectGet(block, {}, {"a", 1, ""});
  ExpectSeeks(block, {}, {"a", 1, ""});
  BlockWalker walker;
  walker.Attach(&block);
  walker.SeekToFirst();
  EXPECT_FALSE(walker.valid() || walker.damaged());
  walker.SeekToLast();
  EXPECT_FALSE(walker.valid() || walker.damaged());
}

TEST(Block, BuilderStartsAnewAfterReset) {
  BlockBuilder builder;
  EXPECT_TRUE(builder.empty());
  builder.Add("a", Hash64("a"), 1, "x");
  EXPECT_EQ(builder.last_key(), "a");
  EXPECT_EQ(builder.last_trailer(), 1u);
  const std::string first(builder.Finish());
  EXPECT_EQ(builder.Finish(), first);
  builder.Reset();
  EXPECT_TRUE(builder.empty());
  builder.Add("a", Hash64("a"), 1, "x");
  EXPECT_EQ(builder.Finish(), first);
}

// Answers of any kind, as long as nothing outside is read and every walk ends.
void UseDamaged(const Block& block, const std::vector<Entry>& entries, SeededRandom* random) {
  uint64_t trailer = 0;
  Slice value;
  BlockWalker walker;
  walker.Attach(&block);
  size_t steps = 0;
  for (walker.SeekToFirst(); walker.valid(); walker.Next()) ASSERT_LE(++steps, block.size());
  steps = 0;
  for (walker.SeekToLast(); walker.valid(); walker.Prev()) ASSERT_LE(++steps, block.size());
  for (int i = 0; i < 8; ++i) {
    const Entry& target = entries[random->Below(entries.size())];
    block.Get(target.key, Hash64(target.key), target.trailer, &trailer, &value);
    walker.Seek(target.key, target.trailer);
    for (int step = 0; step < 20 && walker.valid(); ++step) {
      random->Coin() ? walker.Next() : walker.Prev();
    }
    walker.SeekBefore(target.key);
    if (walker.valid()) walker.Prev();
    if (walker.valid()) walker.Next();
  }
}

TEST(Block, DamageNeverLeadsOutOfIt) {
  SeededRandom random(2);
  size_t parsed = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::vector<Entry> entries = RandomEntries(&random, 1 + random.Below(40));
    std::string contents = Build(entries, static_cast<int>(1 + random.Below(8)), random.Coin());
    for (uint64_t i = random.Below(6); i > 0; --i) {
      const uint64_t part = random.Coin() ? contents.size() : std::min<size_t>(contents.size(), 80);
      contents[contents.size() - 1 - random.Below(part)] =
          static_cast<char>(random.Coin() ? random.Next() : 0xff);
    }
    if (random.Below(8) == 0) contents.resize(random.Below(contents.size()));
    Block block;
    if (!Parse(contents, &block).ok()) continue;
    ++parsed;
    UseDamaged(block, entries, &random);
  }
  EXPECT_GT(parsed, 1000u);
}

TEST(Block, WalkerTellsOfDamage) {
  std::string contents = Build({{"ab", 1, "1"}, {"ac", 1, "2"}, {"ad", 1, "3"}});
  contents[14] = 9;  // the second entry shares more than there is
  Block block;
  ASSERT_TRUE(Parse(contents, &block).ok());
  BlockWalker walker;
  walker.Attach(&block);
  walker.SeekToFirst();
  EXPECT_TRUE(walker.valid());
  walker.Next();
  EXPECT_TRUE(!walker.valid() && walker.damaged());
  walker.SeekToLast();
  EXPECT_TRUE(!walker.valid() && walker.damaged());
  uint64_t trailer = 0;
  Slice value;
  EXPECT_EQ(block.Get("ad", Hash64("ad"), 9, &trailer, &value), Found::kDamaged);
}

}  // namespace
}  // namespace varve
