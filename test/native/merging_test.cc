#include "core/merging.h"

#include "core/level_cursor.h"
#include "read_support.h"

namespace varve {
namespace {

using Entries = std::map<std::pair<std::string, uint64_t>, std::string>;  // trailer inverted

Entries EntriesOf(const Writes& writes) {
  Entries entries;
  for (const Write& write : writes) {
    if (write.kind == Kind::kRangeTombstone) continue;
    entries[{write.key, ~PackTrailer(write.sequence, write.kind)}] = write.Stored();
  }
  return entries;
}

void ExpectAt(const Cursor& cursor, const Entries& entries, Entries::const_iterator at) {
  ASSERT_TRUE(cursor.status().ok());
  ASSERT_EQ(cursor.valid(), at != entries.end());
  if (at == entries.end()) return;
  ASSERT_EQ(cursor.key(), at->first.first);
  ASSERT_EQ(cursor.trailer(), ~at->first.second);
  ASSERT_EQ(cursor.value(), at->second);
}

void CheckForward(Cursor* cursor, const Entries& entries, SeededRandom* random) {
  cursor->SeekToFirst();
  for (auto at = entries.begin();; ++at) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, entries, at));
    if (at == entries.end()) break;
    cursor->Next();
  }
  for (int i = 0; i < 100; ++i) {
    const std::string key = KeyOf(random->Below(110));
    const uint64_t trailer = random->Coin() ? kTrailerFirst : SeekTrailer(random->Below(500));
    cursor->Seek(key, trailer);
    auto at = entries.lower_bound({key, ~trailer});
    for (int steps = 0; steps < 5; ++steps, ++at) {
      ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, entries, at));
      if (at == entries.end()) break;
      cursor->Next();
    }
  }
}

void CheckReverse(Cursor* cursor, const Entries& entries, SeededRandom* random) {
  const auto before = [&](Entries::const_iterator at) {
    return at == entries.begin() ? entries.end() : std::prev(at);
  };
  cursor->SeekToLast();
  for (auto at = before(entries.end());; at = before(at)) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, entries, at));
    if (at == entries.end()) break;
    cursor->Prev();
  }
  for (int i = 0; i < 100; ++i) {
    const std::string key = KeyOf(random->Below(110));
    cursor->SeekBefore(key);
    auto at = before(entries.lower_bound({key, 0}));
    for (int steps = 0; steps < 5; ++steps, at = before(at)) {
      ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, entries, at));
      if (at == entries.end()) break;
      cursor->Prev();
    }
  }
}

TEST(MergingCursor, NoChildren) {
  for (const bool reverse : {false, true}) {
    auto cursor = NewMergingCursor({}, reverse);
    cursor->SeekToFirst();
    cursor->SeekToLast();
    cursor->Seek("a", kTrailerFirst);
    cursor->SeekBefore("a");
    EXPECT_FALSE(cursor->valid());
    EXPECT_TRUE(cursor->status().ok());
  }
}

TEST(MergingCursor, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const Writes writes = RandomWrites(&random, 400, 100, false);
    const Entries entries = EntriesOf(writes);
    const size_t count = 1 + random.Below(6);
    std::vector<Writes> parts(count);
    for (const Write& write : writes) parts[random.Below(count)].push_back(write);
    std::vector<std::shared_ptr<Memtable>> memtables;
    for (const Writes& part : parts) memtables.push_back(MemtableOf(part));
    for (const bool reverse : {false, true}) {
      std::vector<std::unique_ptr<Cursor>> children;
      for (const auto& memtable : memtables) children.push_back(memtable->NewCursor());
      const auto cursor = NewMergingCursor(std::move(children), reverse);
      const auto check = reverse ? CheckReverse : CheckForward;
      ASSERT_NO_FATAL_FAILURE(check(cursor.get(), entries, &random));
    }
  }
}

// Fails like a table whose block is not at hand, at every third move.
class HesitantCursor final : public Cursor {
 public:
  explicit HesitantCursor(std::unique_ptr<Cursor> child) : child_(std::move(child)) {}
  void SeekToFirst() override {
    Move([this] { child_->SeekToFirst(); });
  }
  void SeekToLast() override {
    Move([this] { child_->SeekToLast(); });
  }
  void Seek(Slice key, uint64_t trailer) override {
    Move([this, key, trailer] { child_->Seek(key, trailer); });
  }
  void SeekBefore(Slice key) override {
    Move([this, key] { child_->SeekBefore(key); });
  }
  void Next() override {
    Move([this] { child_->Next(); });
  }
  void Prev() override {
    Move([this] { child_->Prev(); });
  }
  void set_tier(ReadTier tier) override { tier_ = tier; }

 private:
  template <typename Action>
  void Move(Action action) {
    if (tier_ != ReadTier::kMayBlock && ++moves_ % 3 == 0) return Fail(Status::WouldBlock());
    action();
    status_ = child_->status();
    valid_ = child_->valid();
    if (!valid_) return;
    key_ = child_->key();
    trailer_ = child_->trailer();
    value_ = child_->value();
  }
  const std::unique_ptr<Cursor> child_;
  ReadTier tier_ = ReadTier::kMayBlock;
  int moves_ = 0;
};

TEST(MergingCursor, AChildThatFailsFailsItAndMayBeSoughtAgain) {
  SeededRandom random(1);
  const Writes writes = RandomWrites(&random, 400, 100, false);
  const Entries entries = EntriesOf(writes);
  const auto memtable = MemtableOf(Writes(writes.begin(), writes.begin() + 200));
  const auto other = MemtableOf(Writes(writes.begin() + 200, writes.end()));
  std::vector<std::unique_ptr<Cursor>> children;
  children.push_back(std::make_unique<HesitantCursor>(memtable->NewCursor()));
  children.push_back(other->NewCursor());
  const auto cursor = NewMergingCursor(std::move(children), false);
  cursor->set_tier(ReadTier::kCacheOnly);
  cursor->SeekToFirst();
  int failures = 0;
  for (auto at = entries.begin(); at != entries.end(); ++at, cursor->Next()) {
    if (!cursor->valid()) {
      ASSERT_TRUE(cursor->status().IsWouldBlock());
      failures += 1;
      cursor->set_tier(ReadTier::kMayBlock);
      cursor->Seek(at->first.first, ~at->first.second);
      cursor->set_tier(ReadTier::kCacheOnly);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, entries, at));
  }
  EXPECT_GT(failures, 50);
}

TEST(LevelCursor, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    ViewMaker maker(seed);
    const Writes writes = RandomWrites(&random, seed == 1 ? 0 : 400, 100, true);
    const View::Tables tables = maker.Run(writes);
    const Entries entries = EntriesOf(writes);
    for (const bool reverse : {false, true}) {
      TableReader::CursorOptions options;
      options.reverse = reverse;
      const auto cursor = NewLevelCursor(tables, options);
      const auto check = reverse ? CheckReverse : CheckForward;
      ASSERT_NO_FATAL_FAILURE(check(cursor.get(), entries, &random));
    }
  }
}

}  // namespace
}  // namespace varve
