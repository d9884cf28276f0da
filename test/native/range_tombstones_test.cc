#include "core/range_tombstones.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "core/coding.h"

namespace varve {
namespace {

// Keys of one or two letters out of a small alphabet, so that bounds often coincide.
std::string RandomKey(std::mt19937* random) {
  std::string key(1 + (*random)() % 2, 'a');
  for (char& letter : key) letter = static_cast<char>('a' + (*random)() % 6);
  return key;
}

std::vector<RangeTombstone> RandomTombstones(std::mt19937* random, size_t count) {
  std::vector<RangeTombstone> tombstones;
  while (tombstones.size() < count) {
    std::string start = RandomKey(random), end = RandomKey(random);
    if (start > end) std::swap(start, end);
    tombstones.push_back({start, end, 1 + (*random)() % 30});  // some empty, some twice
  }
  return tombstones;
}

Sequence SlowCovering(const std::vector<RangeTombstone>& tombstones, Slice key, Sequence visible) {
  Sequence newest = 0;
  for (const RangeTombstone& tombstone : tombstones) {
    if (tombstone.sequence > visible || key < tombstone.start || key >= tombstone.end) continue;
    newest = std::max(newest, tombstone.sequence);
  }
  return newest;
}

std::vector<Sequence> Sequences(const RangeTombstones::Fragment& fragment) {
  std::vector<Sequence> sequences;
  for (size_t i = 0; i < fragment.count(); ++i) sequences.push_back(fragment.sequence(i));
  return sequences;
}

void ExpectWellFormed(const RangeTombstones& list) {
  const RangeTombstones::Fragment* before = nullptr;
  for (const auto& fragment : list.fragments()) {
    EXPECT_LT(fragment.start, fragment.end);
    for (size_t i = 1; i < fragment.count(); ++i) {
      EXPECT_GT(fragment.sequence(i - 1), fragment.sequence(i));
    }
    EXPECT_LE(fragment.newest, list.sequence_last());
    if (before != nullptr) {
      EXPECT_LE(before->end, fragment.start);
      EXPECT_FALSE(before->end == fragment.start && Sequences(*before) == Sequences(fragment));
    }
    before = &fragment;
  }
}

std::string Text(const RangeTombstones& list) {
  std::string text;
  for (const auto& fragment : list.fragments()) {
    text += "[" + std::string(fragment.start) + "," + std::string(fragment.end) + ")";
    for (const Sequence sequence : Sequences(fragment)) text += "@" + std::to_string(sequence);
    text += " ";
  }
  return text;
}

TEST(RangeTombstones, Fragments) {
  EXPECT_EQ(Text(RangeTombstones()), "");
  EXPECT_EQ(Text(RangeTombstones({{"a", "c", 5}})), "[a,c)@5 ");
  EXPECT_EQ(Text(RangeTombstones({{"a", "e", 5}, {"c", "g", 9}})), "[a,c)@5 [c,e)@9@5 [e,g)@9 ");
  EXPECT_EQ(Text(RangeTombstones({{"b", "c", 9}, {"a", "d", 2}})), "[a,b)@2 [b,c)@9@2 [c,d)@2 ");
  EXPECT_EQ(Text(RangeTombstones({{"a", "c", 5}, {"e", "g", 5}})), "[a,c)@5 [e,g)@5 ");
  EXPECT_EQ(Text(RangeTombstones({{"a", "c", 5}, {"c", "g", 5}})), "[a,g)@5 ");
  EXPECT_EQ(Text(RangeTombstones({{"a", "c", 5}, {"a", "c", 5}, {"a", "c", 6}})), "[a,c)@6@5 ");
  EXPECT_EQ(Text(RangeTombstones({{"c", "c", 5}, {"d", "a", 5}})), "");
}

TEST(RangeTombstones, CoversStartButNotEndAndOnlyWhatIsVisible) {
  const RangeTombstones list({{"b", "d", 5}, {"c", "f", 9}});
  EXPECT_EQ(list.Covering("a", 100), 0u);
  EXPECT_EQ(list.Covering("b", 100), 5u);
  EXPECT_EQ(list.Covering("b", 4), 0u);
  EXPECT_EQ(list.Covering("c", 100), 9u);
  EXPECT_EQ(list.Covering("c", 8), 5u);
  EXPECT_EQ(list.Covering("d", 8), 0u);
  EXPECT_EQ(list.Covering("f", 100), 0u);
  EXPECT_EQ(list.FragmentAt("a"), nullptr);
  ASSERT_NE(list.FragmentAt("cc"), nullptr);
  EXPECT_EQ(list.FragmentAt("cc")->end, "d");
}

TEST(RangeTombstones, AgreesWithBruteForceAndSurvivesEncoding) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto tombstones = RandomTombstones(&random, random() % 20);
    const RangeTombstones built(tombstones);
    ExpectWellFormed(built);
    std::string bytes;
    built.EncodeTo(&bytes);
    RangeTombstones list;
    ASSERT_TRUE(RangeTombstones::Decode(bytes, &list).ok());
    ASSERT_EQ(Text(list), Text(built));
    for (int i = 0; i < 100; ++i) {
      const std::string key = RandomKey(&random);
      const Sequence visible = random() % 32;
      ASSERT_EQ(list.Covering(key, visible), SlowCovering(tombstones, key, visible));
      ASSERT_EQ(list.FragmentAt(key) != nullptr, SlowCovering(tombstones, key, 100) > 0);
    }
  }
}

// Fragments fed back as tombstones give the same list: memtables and jobs rely on it.
TEST(RangeTombstones, FragmentingIsIdempotent) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    const RangeTombstones list(RandomTombstones(&random, random() % 20));
    std::vector<RangeSpan> again;
    list.AppendTo(&again);
    EXPECT_EQ(Text(RangeTombstones::Fragmented(again)), Text(list));
  }
}

TEST(RangeTombstones, KeepWhatReadersAtSnapshotsTellApart) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto tombstones = RandomTombstones(&random, random() % 20);
    std::vector<RangeSpan> spans;
    for (const auto& one : tombstones) spans.push_back({one.start, one.end, one.sequence});
    std::vector<Sequence> snapshots;
    for (Sequence at = random() % 20; at < 32; at += 1 + random() % 12) snapshots.push_back(at);
    const RangeTombstones list = RangeTombstones::Fragmented(spans, &snapshots);
    ExpectWellFormed(list);
    for (const auto& fragment : list.fragments()) {
      ASSERT_LE(fragment.count(), snapshots.size() + 1);
    }
    snapshots.push_back(100);
    for (int i = 0; i < 100; ++i) {
      const std::string key = RandomKey(&random);
      for (const Sequence visible : snapshots) {
        ASSERT_EQ(list.Covering(key, visible), SlowCovering(tombstones, key, visible));
      }
    }
  }
}

TEST(RangeTombstones, OverlaidShowTheNewest) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    auto tombstones = RandomTombstones(&random, random() % 30);
    std::sort(tombstones.begin(), tombstones.end(),
              [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    RangeTombstones list;
    for (auto& one : tombstones) {
      if (one.start == one.end) continue;
      one.sequence = list.sequence_last() + 1;
      list =
          RangeTombstones::Overlaid(RangeTombstones::Of({one.start, one.end, one.sequence}), list);
      ExpectWellFormed(list);
    }
    RangeTombstones alone = RangeTombstones::Overlaid(RangeTombstones(), list);
    EXPECT_EQ(Text(alone), Text(list));
    for (int i = 0; i < 100; ++i) {
      const std::string key = RandomKey(&random);
      ASSERT_EQ(list.Covering(key, 100), SlowCovering(tombstones, key, 100));
    }
  }
}

TEST(RangeTombstones, RefusesMalformedSections) {
  std::string good;
  RangeTombstones({{"a", "e", 5}, {"c", "g", 9}}).EncodeTo(&good);
  RangeTombstones list;
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(RangeTombstones::Decode(Slice(good).substr(0, size), &list).IsCorruption());
    EXPECT_TRUE(list.empty());
  }
  EXPECT_TRUE(RangeTombstones::Decode(good + "x", &list).IsCorruption());

  struct Raw {
    std::string start, end;
    std::vector<Sequence> sequences;
  };
  const auto refused = [&list](const std::vector<Raw>& fragments) {
    std::string bytes;
    PutFixed32(&bytes, static_cast<uint32_t>(fragments.size()));
    for (const Raw& fragment : fragments) {
      PutLengthPrefixed(&bytes, fragment.start);
      PutLengthPrefixed(&bytes, fragment.end);
      PutVarint32(&bytes, static_cast<uint32_t>(fragment.sequences.size()));
      for (const Sequence sequence : fragment.sequences) PutVarint64(&bytes, sequence);
    }
    return RangeTombstones::Decode(bytes, &list).IsCorruption();
  };
  EXPECT_FALSE(refused({{"a", "b", {kSequenceMax, 1}}}));
  EXPECT_TRUE(refused({{"b", "b", {5}}}));
  EXPECT_TRUE(refused({{"c", "b", {5}}}));
  EXPECT_TRUE(refused({{"a", "b", {}}}));
  EXPECT_TRUE(refused({{"a", "b", {0}}}));
  EXPECT_TRUE(refused({{"a", "b", {5, 5}}}));
  EXPECT_TRUE(refused({{"a", "b", {5, 6}}}));
  EXPECT_TRUE(refused({{"a", "b", {kSequenceMax + 1}}}));
  EXPECT_TRUE(refused({{"a", "c", {5}}, {"b", "d", {5}}}));
}

TEST(RangeTombstones, DamagedBytesAreNeverLeft) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string good;
    RangeTombstones(RandomTombstones(&random, 6)).EncodeTo(&good);
    std::unique_ptr<char[]> bytes(new char[good.size()]);
    good.copy(bytes.get(), good.size());
    for (int n = 1 + random() % 3; n > 0; --n) bytes[random() % good.size()] = random();
    RangeTombstones list;
    if (RangeTombstones::Decode(Slice(bytes.get(), good.size()), &list).ok()) {
      for (const auto& fragment : list.fragments()) ASSERT_LT(fragment.start, fragment.end);
    }
  }
}

}  // namespace
}  // namespace varve
