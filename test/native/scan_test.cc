#include "core/scan.h"

#include <atomic>
#include <thread>

#include "read_support.h"

namespace varve {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr uint64_t kKeys = 100;

Pairs Within(const std::map<std::string, std::string>& model, const ScanOptions& options) {
  Pairs pairs;
  for (const auto& [key, value] : model) {
    if (key >= options.start && key < options.end) {
      pairs.emplace_back(key.substr(options.strip), value);
    }
  }
  if (options.reverse) std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

struct PageBuffer {
  PageBuffer(size_t keys_capacity, size_t values_capacity, size_t entries_max)
      : keys(keys_capacity), values(values_capacity), sizes(2 * entries_max) {
    page.keys = keys.data();
    page.keys_capacity = keys_capacity;
    page.values = values.data();
    page.values_capacity = values_capacity;
    page.sizes = sizes.data();
    page.entries_max = entries_max;
  }
  void AppendTo(Pairs* pairs) const {
    const char *key = keys.data(), *value = values.data();
    for (size_t i = 0; i < page.entries; ++i) {
      pairs->emplace_back(std::string(key, sizes[2 * i]), std::string(value, sizes[2 * i + 1]));
      key += sizes[2 * i];
      value += sizes[2 * i + 1];
    }
    EXPECT_EQ(key, keys.data() + page.keys_bytes);
    EXPECT_EQ(value, values.data() + page.values_bytes);
  }
  std::vector<char> keys, values;
  std::vector<uint32_t> sizes;
  ScanPage page;
};

// Reads to the end, at most `limit` entries, in random small pages; changes to one of `views` at
// times.
Pairs ReadAll(Scan* scan, SeededRandom* random,
              const std::vector<std::shared_ptr<const View>>& views, size_t limit = 1 << 20) {
  Pairs pairs;
  size_t keys_capacity = 0, values_capacity = 0;
  while (pairs.size() < limit) {
    PageBuffer buffer(std::max(keys_capacity, 1 + random->Below(40)),
                      std::max(values_capacity, 1 + random->Below(60)), 1 + random->Below(5));
    const ReadTier tier = random->Below(3) == 0 ? ReadTier::kMayBlock : ReadTier::kCacheOnly;
    Status status = scan->Fill(tier, &buffer.page);
    if (status.IsWouldBlock() && random->Coin() && buffer.page.entries == 0) {
      status = scan->Fill(ReadTier::kMayBlock, &buffer.page);
    }
    EXPECT_TRUE(status.ok() || status.IsWouldBlock()) << status.ToString();
    buffer.AppendTo(&pairs);
    if (buffer.page.done) break;
    const bool unfit = status.ok() && buffer.page.entries == 0;
    EXPECT_TRUE(!unfit || buffer.page.next_key_bytes > buffer.page.keys_capacity ||
                buffer.page.next_value_bytes > buffer.page.values_capacity);
    keys_capacity = unfit ? buffer.page.next_key_bytes : 0;
    values_capacity = unfit ? buffer.page.next_value_bytes : 0;
    if (random->Below(8) == 0) scan->Refresh(views[random->Below(views.size())]);
  }
  return pairs;
}

// Counts to the end in slices, with any tier.
void CountAll(const std::shared_ptr<const View>& view, const ScanOptions& options,
              const Pairs& expected, SeededRandom* random) {
  Scan scan(view, options);
  ScanCount count;
  uint64_t entries = 0;
  Sequence last = 0;
  while (!count.done) {
    const uint64_t most = 1 + random->Below(20);
    const Status status =
        scan.Count(random->Coin() ? ReadTier::kMayBlock : ReadTier::kCacheOnly, most, &count);
    ASSERT_TRUE(status.ok() || status.IsWouldBlock()) << status.ToString();
    ASSERT_LE(count.entries, most);
    entries += count.entries;
    last = std::max(last, count.sequence_last);
    if (random->Below(8) == 0) scan.Refresh(view);
  }
  ASSERT_EQ(entries, expected.size());
  // Values of the model's writes begin with their sequence.
  Sequence expected_last = 0;
  for (const auto& [key, value] : expected) {
    expected_last = std::max<Sequence>(expected_last, std::stoull(value));
  }
  ASSERT_EQ(last, expected_last);
}

ScanOptions RandomOptions(SeededRandom* random) {
  ScanOptions options;
  options.start = random->Coin() ? "\x01" : KeyOf(random->Below(kKeys));
  options.end = random->Coin() ? "\x02" : KeyOf(random->Below(kKeys));
  options.reverse = random->Coin();
  options.fill_cache = random->Coin();
  options.sequence = random->Coin() ? kSequenceMax : random->Below(820);
  options.now_ms = random->Below(100);
  options.strip = 1;
  return options;
}

TEST(Scan, AgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    ViewMaker maker(seed);
    const Writes writes = RandomWrites(&random, 800, kKeys, seed % 4 != 0);
    // Three shapes of the same contents.
    std::vector<std::shared_ptr<const View>> views = {maker.Make(writes, 0, 0, 0)};
    views.push_back(maker.Make(writes, 2, 0, 0));
    views.push_back(maker.Make(writes, random.Below(2), random.Below(4), random.Below(4)));
    for (int round = 0; round < 12; ++round) {
      const ScanOptions options = RandomOptions(&random);
      const Pairs expected = Within(ModelAt(writes, options.sequence, options.now_ms), options);
      Scan scan(views[random.Below(views.size())], options);
      ASSERT_EQ(ReadAll(&scan, &random, views), expected);
      ASSERT_NO_FATAL_FAILURE(CountAll(views.back(), options, expected, &random));
    }
  }
}

TEST(Scan, SeeksWithinItsBounds) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    ViewMaker maker(seed);
    const Writes writes = RandomWrites(&random, 800, kKeys, true);
    const auto view = maker.Make(writes, 1, 2, 2);
    const ScanOptions options = RandomOptions(&random);
    Scan scan(view, options);
    for (int round = 0; round < 20; ++round) {
      const std::string key = KeyOf(random.Below(kKeys + 5));
      ScanOptions rest = options;
      if (options.reverse) {
        rest.end = std::min(options.end, key + std::string(1, '\0'));
      } else {
        rest.start = std::max(options.start, key);
      }
      Pairs expected = Within(ModelAt(writes, options.sequence, options.now_ms), rest);
      scan.Seek(key);
      const Pairs found = ReadAll(&scan, &random, {view}, 5);
      expected.resize(std::min(expected.size(), found.size()));
      ASSERT_EQ(found, expected);
      ASSERT_TRUE(found.size() >= 5 ||
                  found == Within(ModelAt(writes, options.sequence, options.now_ms), rest));
    }
  }
}

ScanOptions Everything(bool reverse) {
  ScanOptions options;
  options.end = "\xff";
  options.reverse = reverse;
  return options;
}

TEST(Scan, ComesBackEarlyFromManyDeletedEntries) {
  const auto memtable = std::make_shared<Memtable>(1 << 20);
  for (int i = 0; i < 50000; ++i) {
    ASSERT_OK(memtable->Add(1, Kind::kTombstone, "k" + std::to_string(i), "", 0));
  }
  ASSERT_OK(memtable->Add(1, Kind::kPut, "a", "1", 0));
  ASSERT_OK(memtable->Add(1, Kind::kPut, "z", "2", 0));
  const auto view = std::make_shared<const View>(memtable, std::vector<std::shared_ptr<Memtable>>{},
                                                 std::vector<View::Tables>{});
  for (const bool reverse : {false, true}) {
    Scan scan(view, Everything(reverse));
    Pairs pairs;
    int fills = 0;
    PageBuffer buffer(100, 100, 10);
    for (; !buffer.page.done; ++fills) {
      ASSERT_OK(scan.Fill(ReadTier::kCacheOnly, &buffer.page));
      buffer.AppendTo(&pairs);
      EXPECT_EQ(buffer.page.next_key_bytes + buffer.page.next_value_bytes, 0u);
      scan.Refresh(view);
    }
    EXPECT_EQ(fills, 3);
    EXPECT_EQ(pairs.size(), 2u);
  }
}

TEST(Scan, PassesManyVersionsOfAKey) {
  const auto memtable = std::make_shared<Memtable>(1 << 20);
  for (Sequence sequence = 1; sequence <= 100000; ++sequence) {
    ASSERT_OK(memtable->Add(sequence, Kind::kPut, "hot", std::to_string(sequence), 0));
  }
  ASSERT_OK(memtable->Add(1, Kind::kPut, "last", "x", 0));
  const auto view = std::make_shared<const View>(memtable, std::vector<std::shared_ptr<Memtable>>{},
                                                 std::vector<View::Tables>{});
  for (const bool reverse : {false, true}) {
    ScanOptions options = Everything(reverse);
    options.sequence = 50000;
    Scan scan(view, options);
    PageBuffer buffer(100, 100, 10);
    ASSERT_OK(scan.Fill(ReadTier::kCacheOnly, &buffer.page));
    Pairs pairs, expected = {{"hot", "50000"}, {"last", "x"}};
    if (reverse) std::swap(expected[0], expected[1]);
    buffer.AppendTo(&pairs);
    EXPECT_EQ(pairs, expected);
    EXPECT_TRUE(buffer.page.done);
  }
}

TEST(Scan, LeavesOutASideAndTellsAscii) {
  const auto memtable = std::make_shared<Memtable>(1 << 10);
  ASSERT_OK(memtable->Add(1, Kind::kPut, "a", "\xc3\xa4", 0));
  ASSERT_OK(memtable->Add(2, Kind::kPut, "b", "plain value", 0));
  const auto view = std::make_shared<const View>(memtable, std::vector<std::shared_ptr<Memtable>>{},
                                                 std::vector<View::Tables>{});
  Scan scan(view, Everything(false));
  PageBuffer buffer(10, 20, 10);
  ASSERT_OK(scan.Fill(ReadTier::kCacheOnly, &buffer.page));
  EXPECT_TRUE(buffer.page.keys_ascii);
  EXPECT_FALSE(buffer.page.values_ascii);
  PageBuffer keys(10, 0, 10);
  scan.Seek("");
  ASSERT_OK(scan.Fill(ReadTier::kCacheOnly, &keys.page));
  EXPECT_EQ(keys.page.entries, 2u);
  EXPECT_EQ(keys.sizes[1], 2u);
  EXPECT_EQ(keys.sizes[3], 11u);
  EXPECT_EQ(keys.page.values_bytes, 0u);
}

TEST(Scan, SeesItsSequenceWhileOthersWrite) {
  constexpr uint64_t kCount = 20000;
  const auto memtable = std::make_shared<Memtable>(1 << 20);
  Sequence sequence = 0;
  for (uint64_t i = 0; i < kCount; i += 2) {
    ASSERT_OK(memtable->Add(++sequence, Kind::kPut, "k" + std::to_string(100000 + i), "old", 0));
  }
  const auto view = std::make_shared<const View>(memtable, std::vector<std::shared_ptr<Memtable>>{},
                                                 std::vector<View::Tables>{});
  std::thread writer([&, at = sequence]() mutable {
    for (uint64_t i = 0; i < kCount; ++i) {
      const std::string key = "k" + std::to_string(100000 + i * 7919 % kCount);
      EXPECT_TRUE(memtable->Add(++at, Kind::kPut, key, "new", 0).ok());
    }
  });
  for (int round = 0; round < 10; ++round) {
    ScanOptions options = Everything(round % 2 != 0);
    options.sequence = sequence;
    Scan scan(view, options);
    Pairs pairs;
    PageBuffer buffer(1 << 16, 1 << 16, 1000);
    while (!buffer.page.done) {
      ASSERT_OK(scan.Fill(ReadTier::kCacheOnly, &buffer.page));
      buffer.AppendTo(&pairs);
    }
    if (options.reverse) std::reverse(pairs.begin(), pairs.end());
    EXPECT_EQ(pairs.size(), kCount / 2);
    for (size_t i = 0; i < pairs.size(); ++i) {
      ASSERT_EQ(pairs[i].first, "k" + std::to_string(100000 + 2 * i));
      ASSERT_EQ(pairs[i].second, "old");
    }
  }
  writer.join();
}

}  // namespace
}  // namespace varve
