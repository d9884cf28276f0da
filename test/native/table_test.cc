// Tables: what was written is what is read, by every way of reading.
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "table_support.h"

namespace varve {
namespace {

class TableTest : public ::testing::TestWithParam<bool> {  // with a cache?
 protected:
  void Make(const TableOptions& options, std::vector<TableEntry> entries,
            std::vector<RangeTombstone> ranges = {}) {
    entries_ = std::move(entries);
    ASSERT_OK(WriteTable(&fs_, options, entries_, std::move(ranges), &written_));
    ASSERT_OK(Open());
    EXPECT_EQ(EncodeProperties(table_->properties()), EncodeProperties(written_));
    EXPECT_EQ(written_.file_bytes, Contents(fs_, kTablePath).size());
    std::atomic<uint64_t> done{0};
    ASSERT_OK(table_->Verify(nullptr, &done));
    EXPECT_EQ(done.load(), written_.file_bytes);
  }
  Status Open() {
    table_.reset();
    cache_ = GetParam() ? std::make_shared<BlockCache>(1 << 20) : nullptr;
    return OpenTable(&fs_, cache_, &table_, counters_);
  }
  // What a Get at `sequence` should say.
  LookupResult Expected(const std::string& key, Sequence sequence) const {
    LookupResult result;
    result.covering = table_->range_tombstones().Covering(key, sequence);
    const TableEntry sought{key, SeekTrailer(sequence), ""};
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), sought, InEntryOrder);
    if (at != entries_.end() && at->key == key) result.Decide(at->trailer, at->value);
    return result;
  }
  void ExpectGet(const std::string& key, Sequence sequence) {
    const LookupResult expected = Expected(key, sequence);
    LookupResult result;
    ASSERT_OK(table_->Get({key, Hash64(key), sequence}, ReadTier::kMayBlock, &result));
    ASSERT_EQ(result.state, expected.state) << key << " at " << sequence;
    EXPECT_EQ(result.covering, expected.covering);
    EXPECT_EQ(result.sequence, expected.sequence);
    EXPECT_EQ(result.value, expected.value);
  }
  void ExpectWalks(const TableReader::CursorOptions& options) {
    const std::unique_ptr<Cursor> cursor = table_->NewCursor(options);
    size_t at = options.reverse ? entries_.size() : 0;
    options.reverse ? cursor->SeekToLast() : cursor->SeekToFirst();
    while (cursor->valid()) {
      ASSERT_LT(options.reverse ? at - 1 : at, entries_.size());
      ASSERT_EQ(EntryOf(*cursor), entries_[options.reverse ? --at : at++]);
      options.reverse ? cursor->Prev() : cursor->Next();
    }
    ASSERT_OK(cursor->status());
    EXPECT_EQ(at, options.reverse ? 0 : entries_.size());
  }
  void ExpectSeek(Cursor* forward, Cursor* reverse, const std::string& key, uint64_t trailer) {
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), TableEntry{key, trailer, ""},
                                     InEntryOrder);
    forward->Seek(key, trailer);
    ASSERT_OK(forward->status());
    ASSERT_EQ(forward->valid(), at != entries_.end()) << key;
    if (forward->valid()) {
      ASSERT_EQ(EntryOf(*forward), *at);
    }
    const auto end = std::lower_bound(entries_.begin(), entries_.end(),
                                      TableEntry{key, kTrailerFirst, ""}, InEntryOrder);
    reverse->SeekBefore(key);
    ASSERT_OK(reverse->status());
    ASSERT_EQ(reverse->valid(), end != entries_.begin()) << key;
    if (reverse->valid()) {
      ASSERT_EQ(EntryOf(*reverse), *(end - 1));
    }
  }

  MemoryFileSystem fs_;
  std::vector<TableEntry> entries_;
  TableProperties written_;
  std::shared_ptr<ReadCounters> counters_ = std::make_shared<ReadCounters>();
  std::shared_ptr<BlockCache> cache_;
  std::shared_ptr<TableReader> table_;
};

INSTANTIATE_TEST_SUITE_P(Cache, TableTest, ::testing::Bool());

TEST_P(TableTest, GetFindsEveryVersion) {
  for (const bool hash_index : {false, true}) {
    TableOptions options;
    options.block_bytes = 512;
    options.hash_index = hash_index;
    Make(options, MakeEntries(1500, 60));
    for (const TableEntry& entry : entries_) {
      const Sequence sequence = TrailerSequence(entry.trailer);
      ExpectGet(entry.key, kSequenceMax);
      ExpectGet(entry.key, sequence);
      ExpectGet(entry.key, sequence - 1);
      ExpectGet(entry.key + "!", kSequenceMax);
      ExpectGet(entry.key.substr(0, entry.key.size() - 1), kSequenceMax);
    }
    ExpectGet("", kSequenceMax);
    ExpectGet("zzz", kSequenceMax);
  }
  EXPECT_GT(counters_->filter_negatives.load(), counters_->filter_false_positives.load());
}

TEST_P(TableTest, CursorsWalkBothWays) {
  TableOptions options;
  options.block_bytes = 512;
  Make(options, MakeEntries(2000, 60));
  for (const bool reverse : {false, true}) {
    for (const size_t readahead : {size_t{0}, size_t{100}, size_t{10000}, size_t{1} << 20}) {
      for (const bool fill : {false, true}) {
        ExpectWalks({ReadTier::kMayBlock, reverse, fill, readahead});
      }
    }
  }
}

TEST_P(TableTest, CursorsSeek) {
  TableOptions options;
  options.block_bytes = 256;
  Make(options, MakeEntries(1000, 20));
  const auto forward = table_->NewCursor({});
  TableReader::CursorOptions reversed;
  reversed.reverse = true;
  const auto reverse = table_->NewCursor(reversed);
  for (const TableEntry& entry : entries_) {
    ExpectSeek(forward.get(), reverse.get(), entry.key, kTrailerFirst);
    ExpectSeek(forward.get(), reverse.get(), entry.key, entry.trailer);
    ExpectSeek(forward.get(), reverse.get(), entry.key, entry.trailer - 256);
    ExpectSeek(forward.get(), reverse.get(), entry.key, kTrailerLast);
    ExpectSeek(forward.get(), reverse.get(), entry.key + "1", kTrailerFirst);
  }
  ExpectSeek(forward.get(), reverse.get(), "", kTrailerFirst);
  ExpectSeek(forward.get(), reverse.get(), "zzz", kTrailerFirst);
}

TEST_P(TableTest, RandomBinaryKeys) {
  std::mt19937_64 random(5);
  std::vector<TableEntry> entries;
  for (int i = 0; i < 3000; ++i) {
    std::string key;
    for (size_t left = random() % 12; left > 0; --left) {
      key.push_back("\x00\x01\x7f\xfe\xff"[random() % 5]);
    }
    entries.push_back({key, PackTrailer(static_cast<Sequence>(i) + 1, Kind::kPut), key + "!"});
  }
  std::sort(entries.begin(), entries.end(), InEntryOrder);
  TableOptions options;
  options.block_bytes = 128;
  options.restart_interval = 3;
  Make(options, std::move(entries));
  const auto forward = table_->NewCursor({});
  TableReader::CursorOptions reversed;
  reversed.reverse = true;
  const auto reverse = table_->NewCursor(reversed);
  ExpectWalks({});
  ExpectWalks(reversed);
  for (const TableEntry& entry : std::vector<TableEntry>(entries_)) {
    ExpectGet(entry.key, TrailerSequence(entry.trailer));
    ExpectSeek(forward.get(), reverse.get(), entry.key, entry.trailer - 1);
    ExpectSeek(forward.get(), reverse.get(), entry.key + '\xff', kTrailerFirst);
  }
}

TEST_P(TableTest, RangesOnly) {
  Make({}, {}, {{"b", "f", 5}, {"d", "k", 9}});
  EXPECT_EQ(table_->properties().entries, 0u);
  EXPECT_EQ(table_->properties().range_tombstones, 4u);
  EXPECT_EQ(table_->properties().key_first, "b");
  EXPECT_EQ(table_->properties().key_last, "k");
  EXPECT_EQ(table_->properties().bound_is_range_end, 1u);
  EXPECT_EQ(table_->properties().sequence_first, 5u);
  EXPECT_EQ(table_->properties().sequence_last, 9u);
  for (const char* key : {"a", "b", "c", "d", "j", "k"}) ExpectGet(key, 6);
  ExpectWalks({});
  TableReader::CursorOptions reversed;
  reversed.reverse = true;
  ExpectWalks(reversed);
}

TEST_P(TableTest, RangesHideEntriesAndBoundTheTable) {
  const auto put = [](Sequence sequence) { return PackTrailer(sequence, Kind::kPut); };
  Make({}, {{"b", put(4), "x"}, {"c", put(8), "y"}, {"m", put(2), "z"}}, {{"a", "d", 6}});
  EXPECT_EQ(table_->properties().key_first, "a");
  EXPECT_EQ(table_->properties().key_last, "m");
  EXPECT_EQ(table_->properties().bound_is_range_end, 0u);
  for (const char* key : {"a", "b", "c", "m"}) {
    for (Sequence sequence = 1; sequence < 10; ++sequence) ExpectGet(key, sequence);
  }
}

TEST_P(TableTest, NothingAtAll) {
  Make({}, {});
  ExpectGet("a", kSequenceMax);
  ExpectWalks({});
}

TEST_P(TableTest, BigValues) {
  std::vector<TableEntry> entries;
  for (int i = 0; i < 6; ++i) {
    entries.push_back({"k" + std::to_string(i), PackTrailer(10, Kind::kPut),
                       std::string((size_t{1} << 20) + static_cast<size_t>(i), 'v')});
  }
  Make({}, std::move(entries));
  EXPECT_EQ(table_->properties().blocks, 6u);
  for (const TableEntry& entry : std::vector<TableEntry>(entries_)) ExpectGet(entry.key, 10);
  ExpectWalks({ReadTier::kMayBlock, false, false, 64 << 10});
}

TEST_P(TableTest, TiersStopWhereTheyShould) {
  TableOptions options;
  options.block_bytes = 512;
  Make(options, MakeEntries(300, 60));
  const std::string key = entries_.front().key;
  LookupResult result;
  fs_.SetCold(true);
  ASSERT_OK(Open());
  for (const ReadTier tier : {ReadTier::kCacheOnly, ReadTier::kNoWait}) {
    EXPECT_TRUE(table_->Get({key, Hash64(key)}, tier, &result).IsWouldBlock());
    EXPECT_FALSE(result.decided());
    const auto cursor = table_->NewCursor({tier, false, true, 1 << 20});
    cursor->SeekToFirst();
    EXPECT_FALSE(cursor->valid());
    EXPECT_TRUE(cursor->status().IsWouldBlock());
    cursor->set_tier(ReadTier::kMayBlock);
    TableReader::CursorOptions unfilled;
    unfilled.fill_cache = false;
    const auto other = table_->NewCursor(unfilled);
    other->SeekToFirst();
    EXPECT_TRUE(other->valid());
  }
  ASSERT_OK(table_->Get({key, Hash64(key)}, ReadTier::kMayBlock, &result));
  EXPECT_TRUE(result.decided());
  LookupResult again;
  const Status status = table_->Get({key, Hash64(key)}, ReadTier::kCacheOnly, &again);
  EXPECT_EQ(status.IsWouldBlock(), !GetParam());
  table_.reset();
  cache_.reset();
  EXPECT_EQ(result.value, entries_.front().value) << "the pin outlives table and cache";
}

TEST_P(TableTest, AnotherIdentityAndCancelledVerification) {
  Make({}, MakeEntries(10, 10));
  std::shared_ptr<TableReader> other;
  const Status status = TableReader::Open(&fs_, kTablePath, 1, TestId(9), nullptr, nullptr, &other);
  EXPECT_TRUE(status.IsCorruption());
  EXPECT_EQ(status.file(), kTablePath);
  const std::atomic<bool> cancelled{true};
  EXPECT_EQ(table_->Verify(&cancelled, nullptr).code(), Code::kAborted);
  EXPECT_LE(table_->ApproximateOffset("zzz"), table_->properties().data_bytes);
}

std::string FixturePath() {
  const std::string file = __FILE__;
  return file.substr(0, file.rfind('/')) + "/../fixtures/table-v1.sst";
}

// What version 1 wrote, byte for byte, and what it means.
TEST_P(TableTest, TheGoldenTable) {
  TableOptions options;
  options.block_bytes = 256;
  Make(options, MakeEntries(24, 12), {{"key/00000003", "key/00000009", 12}});
  const std::string bytes = Contents(fs_, kTablePath);
  if (std::getenv("REWRITE") != nullptr) std::ofstream(FixturePath(), std::ios::binary) << bytes;

  std::ifstream file(FixturePath(), std::ios::binary);
  std::stringstream golden;
  golden << file.rdbuf();
  ASSERT_EQ(golden.str().size(), bytes.size()) << "REWRITE=1 writes " << FixturePath();
  EXPECT_TRUE(golden.str() == bytes) << "the format changed; REWRITE=1 writes " << FixturePath();
  ASSERT_OK(fs_.Overwrite(kTablePath, golden.str()));
  ASSERT_OK(Open());
  ExpectWalks({});
}

}  // namespace
}  // namespace varve
