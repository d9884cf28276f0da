#include "core/filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "core/hash.h"

namespace varve {
namespace {

std::string KeyOf(uint64_t number) { return "key" + std::to_string(number); }

std::string SectionOf(uint64_t keys, double bits_per_key) {
  FilterBuilder builder(bits_per_key);
  for (uint64_t i = 0; i < keys; ++i) builder.Add(Hash64(KeyOf(i)));
  return builder.Finish();
}

double FalsePositives(const Filter& filter, uint64_t keys) {
  constexpr uint64_t kTries = 200'000;
  uint64_t positives = 0;
  for (uint64_t i = 0; i < kTries; ++i) positives += filter.MayContain(Hash64(KeyOf(keys + i)));
  return static_cast<double>(positives) / kTries;
}

TEST(Filter, HasNoFalseNegativesAndFewFalsePositives) {
  for (const uint64_t keys : {1u, 2u, 10u, 1000u, 100'000u, 1'000'000u}) {
    const std::string section = SectionOf(keys, 10);
    Filter filter;
    ASSERT_TRUE(Filter::Parse(section, &filter).ok());
    for (uint64_t i = 0; i < keys; ++i) ASSERT_TRUE(filter.MayContain(Hash64(KeyOf(i)))) << i;
    if (keys < 100'000) continue;
    EXPECT_LE(FalsePositives(filter, keys), 0.013) << keys;
  }
}

TEST(Filter, MoreBitsMeanFewerFalsePositives) {
  double before = 1;
  for (const double bits : {2.0, 4.0, 6.0, 8.0, 10.0, 13.0, 16.0}) {
    const std::string section = SectionOf(100'000, bits);
    Filter filter;
    ASSERT_TRUE(Filter::Parse(section, &filter).ok());
    const double rate = FalsePositives(filter, 100'000);
    EXPECT_LT(rate, before) << bits;
    before = rate;
  }
  EXPECT_LT(before, 0.002);
}

TEST(Filter, SectionHasTheDocumentedForm) {
  const std::string section = SectionOf(100, 10);  // 1000 bits: two lines
  ASSERT_EQ(section.size(), 8u + 2 * 64);
  EXPECT_EQ(section.substr(0, 8), std::string("\x02\0\0\0\x06\0\0\0", 8));
}

// The bytes are part of the table format: what is set may never move.
TEST(Filter, Golden) { EXPECT_EQ(Hash64(SectionOf(1000, 10)), 567554199263139244u); }

TEST(Filter, EqualNeighboursCountOnce) {
  FilterBuilder builder(10);
  for (int i = 0; i < 5; ++i) builder.Add(7);
  builder.Add(8);
  builder.Add(7);
  EXPECT_EQ(builder.keys(), 3u);
}

TEST(Filter, NothingToFilterIsAnEmptySectionThatMatchesAll) {
  EXPECT_EQ(FilterBuilder(10).Finish(), "");
  EXPECT_EQ(SectionOf(10, 0), "");
  EXPECT_EQ(SectionOf(10, -1), "");
  Filter filter;
  EXPECT_TRUE(filter.MayContain(1));
  ASSERT_TRUE(Filter::Parse("", &filter).ok());
  EXPECT_TRUE(filter.MayContain(1));
  filter.Prefetch(1);
}

TEST(Filter, RefusesMalformedSections) {
  const std::string good = SectionOf(100, 10);
  Filter filter;
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_TRUE(Filter::Parse(Slice(good).substr(0, size), &filter).IsCorruption()) << size;
  }
  EXPECT_TRUE(Filter::Parse(good + "x", &filter).IsCorruption());
  for (const char* head : {"\0\0\0\0\6\0\0\0", "\2\0\0\0\0\0\0\0", "\2\0\0\0\x11\0\0\0",
                           "\xff\xff\xff\xff\6\0\0\0", "\3\0\0\0\6\0\0\0"}) {
    std::string bad = good;
    bad.replace(0, 8, head, 8);
    EXPECT_TRUE(Filter::Parse(bad, &filter).IsCorruption());
    EXPECT_TRUE(filter.MayContain(1));
  }
  EXPECT_TRUE(Filter::Parse(std::string("\0\0\0\0\6\0\0\0", 8), &filter).IsCorruption());
}

// Whatever the bytes, a parsed filter stays inside them (the address sanitizer watches).
TEST(Filter, DamagedBytesAreNeverLeft) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = SectionOf(300, 10);
  for (int i = 0; i < 2000; ++i) {
    const size_t size = random() % 4 == 0 ? random() % (good.size() + 1) : good.size();
    std::unique_ptr<char[]> bytes(new char[size]);
    good.copy(bytes.get(), size);
    for (int n = random() % 4; n > 0 && size > 0; --n) {
      bytes[random() % (random() % 2 ? size : std::min<size_t>(size, 8))] = random();
    }
    Filter filter;
    if (!Filter::Parse(Slice(bytes.get(), size), &filter).ok()) continue;
    for (int n = 0; n < 50; ++n) {
      const uint64_t hash = uint64_t{random()} << 32 | random();
      filter.Prefetch(hash);
      (void)filter.MayContain(hash);
    }
    (void)filter.MayContain(~uint64_t{0});
  }
}

}  // namespace
}  // namespace varve
