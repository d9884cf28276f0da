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

void ExpectWellFormed(const RangeTombstones& list) {
  const RangeTombstones::Fragment* before = nullptr;
  for (const auto& fragment : list.fragments()) {
    EXPECT_LT(fragment.start, fragment.end);
    ASSERT_FALSE(fragment.sequences.empty());
    EXPECT_TRUE(std::is_sorted(fragment.sequences.rbegin(), fragment.sequences.rend()));
    EXPECT_EQ(std::adjacent_find(fragment.sequences.begin(), fragment.sequences.end()),
              fragment.sequences.end());
    if (before != nullptr) {
      EXPECT_LE(before->end, fragment.start);
      EXPECT_FALSE(before->end == fragment.start && before->sequences == fragment.sequences);
    }
    before = &fragment;
  }
}

std::string Text(const RangeTombstones& list) {
  std::string text;
  for (const auto& fragment : list.fragments()) {
    text += "[" + fragment.start + "," + fragment.end + ")";
    for (const Sequence sequence : fragment.sequences) text += "@" + std::to_string(sequence);
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
    std::vector<RangeTombstone> again;
    for (const auto& fragment : list.fragments()) {
      for (const Sequence sequence : fragment.sequences) {
        again.push_back({fragment.start, fragment.end, sequence});
      }
    }
    EXPECT_EQ(Text(RangeTombstones(again)), Text(list));
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

  const auto refused = [&list](const std::vector<RangeTombstones::Fragment>& fragments) {
    std::string bytes;
    PutFixed32(&bytes, static_cast<uint32_t>(fragments.size()));
    for (const auto& fragment : fragments) {
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
