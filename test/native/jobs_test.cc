#include "core/jobs.h"

#include <set>

#include "jobs_support.h"

namespace varve {
namespace {

constexpr uint64_t kKeys = 100;

MergeFacts RandomFacts(JobBench* bench, Sequence last) {
  MergeFacts facts;
  std::set<Sequence> snapshots;
  for (uint64_t i = bench->random() % 5; i > 0; --i) snapshots.insert(1 + bench->random() % last);
  facts.snapshots.assign(snapshots.begin(), snapshots.end());
  facts.expired_ms = kNowMs;
  return facts;
}

MergeFacts Above(MergeFacts facts, const std::vector<Tables>& deeper) {
  facts.deeper.clear();
  for (const Tables& tables : deeper) {
    auto& spans = facts.deeper.emplace_back();
    for (const auto& table : tables) {
      spans.emplace_back(table->properties().key_first, table->properties().key_last);
    }
  }
  return facts;
}

MergeFacts Bottommost(MergeFacts facts) {
  facts.bottommost = true;
  return facts;
}

void CheckReads(const JobBench& bench, const MergeFacts& facts,
                const std::vector<Tables>& sources) {
  Contents contents;
  for (const Tables& tables : sources) Collect(tables, &contents);
  std::vector<Sequence> visible = facts.snapshots;
  visible.push_back(kSequenceMax);
  for (const Sequence at : visible) {
    for (uint64_t number = 0; number < kKeys; ++number) {
      const std::string key = KeyOf(number);
      ASSERT_EQ(contents.Read(key, at), bench.history.Read(key, at)) << key << " at " << at;
    }
  }
}

void CheckDisjoint(const Tables& tables) {
  for (size_t i = 1; i < tables.size(); ++i) {
    const TableProperties& before = tables[i - 1]->properties();
    const TableProperties& after = tables[i]->properties();
    ASSERT_LE(before.key_last, after.key_first);
    ASSERT_TRUE(before.key_last < after.key_first || before.bound_is_range_end == 1);
  }
}

size_t StratumOf(const MergeFacts& facts, Sequence sequence) {
  return static_cast<size_t>(std::count_if(facts.snapshots.begin(), facts.snapshots.end(),
                                           [&](Sequence at) { return at < sequence; }));
}

// The rules of jobs.h, word for word, for a job with nothing below.
std::vector<Entry> KeptAtTheBottom(const Contents& contents, const MergeFacts& facts) {
  std::vector<Entry> kept;
  for (const Entry& entry : contents.entries) {
    const size_t stratum = StratumOf(facts, entry.sequence);
    const auto hides = [&](Sequence other) {
      return other > entry.sequence && StratumOf(facts, other) == stratum;
    };
    const bool older = std::any_of(
        contents.entries.begin(), contents.entries.end(),
        [&](const Entry& other) { return other.key == entry.key && hides(other.sequence); });
    const bool covered = std::any_of(
        contents.ranges.begin(), contents.ranges.end(), [&](const RangeTombstone& range) {
          return range.start <= entry.key && entry.key < range.end && hides(range.sequence);
        });
    const bool gone = stratum == 0 && (IsTombstone(entry.kind) || IsDue(entry));
    if (older || covered || gone) continue;
    kept.push_back(entry);
    if (IsDue(entry)) kept.back() = {entry.key, entry.sequence, Kind::kTombstone, ""};
  }
  std::sort(kept.begin(), kept.end(), Before);
  return kept;
}

// The newest snapshot without which, and all before it, more would go.
Sequence HeldFor(const Contents& contents, const MergeFacts& facts) {
  MergeFacts newer{{}, facts.expired_ms, true, {}};
  const std::vector<Entry> without = KeptAtTheBottom(contents, newer);
  for (size_t i = facts.snapshots.size(); i > 0; --i) {
    const Sequence snapshot = facts.snapshots[i - 1];
    newer.snapshots.insert(newer.snapshots.begin(), snapshot);
    const bool range =
        std::any_of(contents.ranges.begin(), contents.ranges.end(),
                    [&](const RangeTombstone& one) { return one.sequence > snapshot; });
    if (range || KeptAtTheBottom(contents, newer) != without) return snapshot;
  }
  return 0;
}

void CheckCounts(const JobBench& bench) {
  const JobResult& result = bench.result;
  uint64_t out = 0, bytes = 0;
  for (const JobOutput& output : result.outputs) {
    out += output.properties.entries;
    bytes += output.properties.file_bytes;
  }
  ASSERT_EQ(result.entries_out, out);
  ASSERT_EQ(result.bytes_out, bytes);
  ASSERT_EQ(result.entries_in, result.entries_out + result.entries_dropped);
  ASSERT_EQ(bench.progress.entries_read, result.entries_in);
  ASSERT_EQ(bench.progress.bytes_read, result.bytes_in);
  ASSERT_EQ(bench.progress.bytes_written, result.bytes_out);
}

void CheckBottom(const JobBench& bench, const MergeFacts& facts, const Tables& tables) {
  Contents contents;
  Collect(tables, &contents);
  ASSERT_EQ(contents.entries, KeptAtTheBottom(bench.history, facts));
  Sequence last = 0;
  for (const auto& table : tables) {
    last = std::max(last, table->properties().snapshot_sequence_last);
  }
  ASSERT_EQ(last, HeldFor(bench.history, facts));
  for (const RangeTombstone& range : contents.ranges) {
    ASSERT_GT(StratumOf(facts, range.sequence), 0u);
  }
}

TEST(Jobs, NoReadChangesWhateverIsDropped) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    JobBench bench(seed);
    std::vector<std::shared_ptr<Memtable>> memtables;
    for (int i = 0; i < 5; ++i) {
      memtables.push_back(bench.Write(bench.random() % 200, 1 + bench.random() % kKeys));
    }
    const MergeFacts facts = RandomFacts(&bench, bench.sequence + 2);
    const Tables deep = bench.Flush({memtables[0]}, Bottommost(facts));
    const Tables middle = bench.Flush({memtables[1], memtables[2]}, Above(facts, {deep}));
    const Tables upper = bench.Flush({memtables[3]}, Above(facts, {middle, deep}));
    const Tables top = bench.Flush({memtables[4]}, Above(facts, {upper, middle, deep}));
    ASSERT_NO_FATAL_FAILURE(CheckReads(bench, facts, {top, upper, middle, deep}));

    const Tables lower = bench.Compact({upper, middle}, Above(facts, {deep}));
    ASSERT_NO_FATAL_FAILURE(CheckCounts(bench));
    ASSERT_NO_FATAL_FAILURE(CheckDisjoint(lower));
    ASSERT_NO_FATAL_FAILURE(CheckReads(bench, facts, {top, lower, deep}));

    const Tables all = bench.Compact({top, lower, deep}, Bottommost(facts));
    ASSERT_NO_FATAL_FAILURE(CheckCounts(bench));
    ASSERT_NO_FATAL_FAILURE(CheckDisjoint(all));
    ASSERT_NO_FATAL_FAILURE(CheckReads(bench, facts, {all}));
    MergeFacts released = Bottommost(facts);
    released.snapshots.clear();
    const Tables last = bench.Compact({all}, released);
    ASSERT_NO_FATAL_FAILURE(CheckReads(bench, released, {last}));
    ASSERT_NO_FATAL_FAILURE(CheckBottom(bench, released, last));
  }
}

TEST(Jobs, FlushToTheBottomKeepsExactlyWhatTheRulesSay) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    JobBench bench(seed);
    const uint64_t keys = 1 + bench.random() % kKeys;
    const auto first = bench.Write(bench.random() % 300, keys);
    const auto second = bench.Write(1 + bench.random() % 300, keys);
    const MergeFacts facts = Bottommost(RandomFacts(&bench, bench.sequence));
    const Tables tables = bench.Flush({second, first}, facts);
    ASSERT_NO_FATAL_FAILURE(CheckCounts(bench));
    ASSERT_NO_FATAL_FAILURE(CheckReads(bench, facts, {tables}));
    ASSERT_NO_FATAL_FAILURE(CheckBottom(bench, facts, tables));
    ASSERT_EQ(bench.Files().size(), tables.size());
  }
}

TEST(Jobs, NothingLeftMakesNoFile) {
  JobBench bench(1);
  auto memtable = std::make_shared<Memtable>(1 << 10);
  EXPECT_TRUE(bench.Flush({memtable}, {}).empty());
  ASSERT_OK(memtable->Add(1, Kind::kPut, "a", "v", 0));
  ASSERT_OK(memtable->Add(2, Kind::kTombstone, "a", "", 0));
  ASSERT_OK(memtable->AddRange(3, "a", "c"));
  EXPECT_TRUE(bench.Flush({memtable}, Bottommost({})).empty());
  EXPECT_EQ(bench.result.entries_dropped, 2u);
  EXPECT_TRUE(bench.Flush({memtable}, {}).empty()) << "no deeper span is as good as bottommost";
  EXPECT_TRUE(bench.Files().empty());
}

// expires_at of entry i is i + 1.
std::shared_ptr<Memtable> Expiring(int count) {
  auto memtable = std::make_shared<Memtable>(1 << 16);
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(
        memtable->Add(i + 1, Kind::kPutExpiring, KeyOf(i), std::string(50, 'v'), i + 1).ok());
  }
  return memtable;
}

TEST(Jobs, DueEntriesLeaveNothingAtTheBottom) {
  JobBench bench(1);
  const Tables tables = bench.Flush({Expiring(100)}, {});
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0]->properties().expiring, 100u);
  EXPECT_EQ(tables[0]->properties().expires_first_ms, 1u);
  EXPECT_EQ(tables[0]->properties().expires_last_ms, 100u);
  MergeFacts facts = Bottommost({});
  facts.expired_ms = 60;
  const Tables left = bench.Compact({tables}, facts);
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.front()->properties().key_first, KeyOf(60));
  EXPECT_EQ(bench.result.entries_dropped, 60u);
  facts.expired_ms = 100;
  EXPECT_TRUE(bench.Compact({left}, facts).empty());
  EXPECT_EQ(bench.result.entries_dropped, 40u);
  EXPECT_TRUE(bench.Flush({Expiring(100)}, facts).empty());
  facts.expired_ms = 0;
  EXPECT_EQ(bench.Flush({Expiring(100)}, facts).size(), 1u) << "0: none is due";
}

// A tombstone in its place gives the space back, and its table is not due again.
TEST(Jobs, DueEntriesAboveOthersBecomeTombstones) {
  JobBench bench(1);
  MergeFacts facts;
  facts.expired_ms = 60;
  facts.deeper = {{{KeyOf(0), KeyOf(99)}}};
  const Tables tables = bench.Compact({bench.Flush({Expiring(100)}, {})}, facts);
  Contents contents;
  Collect(tables, &contents);
  ASSERT_EQ(contents.entries.size(), 100u);
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(contents.entries[i].sequence, i + 1);
    EXPECT_EQ(contents.entries[i].kind, i < 60 ? Kind::kTombstone : Kind::kPutExpiring);
    EXPECT_EQ(contents.entries[i].value.empty(), i < 60);
  }
  for (const auto& table : tables) {
    EXPECT_EQ(table->properties().snapshot_sequence_last, 0u);
    EXPECT_TRUE(table->properties().expiring == 0 || table->properties().expires_first_ms > 60);
  }
}

TEST(Jobs, DueEntriesHideWhatASnapshotSees) {
  JobBench bench(1);
  auto memtable = std::make_shared<Memtable>(1 << 16);
  ASSERT_OK(memtable->Add(1, Kind::kPut, "a", "old", 0));
  ASSERT_OK(memtable->Add(5, Kind::kPutExpiring, "a", "due", 10));
  ASSERT_OK(memtable->Add(6, Kind::kPutExpiring, "b", "due", 10));
  MergeFacts facts = Bottommost({});
  facts.expired_ms = 10;
  facts.snapshots = {3};
  const Tables tables = bench.Flush({memtable}, facts);
  Contents contents;
  Collect(tables, &contents);
  const std::vector<Entry> expected = {
      {"a", 5, Kind::kTombstone, ""}, {"a", 1, Kind::kPut, "old"}, {"b", 6, Kind::kTombstone, ""}};
  EXPECT_EQ(contents.entries, expected);
  EXPECT_EQ(tables[0]->properties().snapshot_sequence_last, 3u);
  facts.snapshots = {4};
  EXPECT_EQ(bench.Compact({tables}, facts).size(), 1u) << "a newer one sees as much";
  facts.snapshots = {7};
  EXPECT_TRUE(bench.Compact({tables}, facts).empty());
}

TEST(Jobs, RangesAloneMakeATable) {
  JobBench bench(1);
  auto memtable = std::make_shared<Memtable>(1 << 10);
  ASSERT_OK(memtable->Add(1, Kind::kPut, "b", "v", 0));
  ASSERT_OK(memtable->AddRange(2, "a", "c"));
  ASSERT_OK(memtable->AddRange(3, "x", "z"));
  MergeFacts facts;
  facts.deeper = {{{"0", "1"}, {"bb", "bc"}}};
  const Tables tables = bench.Flush({memtable}, facts);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0]->properties().entries, 0u);
  EXPECT_EQ(tables[0]->range_tombstones().size(), 1u);
  EXPECT_EQ(tables[0]->properties().key_first, "a");
}

TEST(Jobs, OutputsAreCutAfterGivenKeysAndHoldAllVersionsOfAKey) {
  JobBench bench(5);
  const auto memtable = bench.Write(3000, kKeys);
  MergeFacts facts = Bottommost({});
  for (Sequence at = 10; at < bench.sequence; at += 150) facts.snapshots.push_back(at);
  const Tables one = bench.Flush({memtable}, facts);
  CompactionJob job = bench.MakeCompaction({one}, facts);
  job.output_bytes_max = 4 << 10;
  job.cut_after.clear();
  for (uint64_t key = 0; key < kKeys; ++key) job.cut_after.push_back(KeyOf(key));
  ASSERT_OK(RunCompaction(job, &bench.progress, &bench.result));
  const Tables tables = bench.Open(job.outputs, bench.result);
  ASSERT_GT(tables.size(), 3u);
  std::set<std::string> seen;
  for (size_t i = 0; i < tables.size(); ++i) {
    Contents contents;
    Collect({tables[i]}, &contents);
    std::set<std::string> keys;
    for (const Entry& entry : contents.entries) keys.insert(entry.key);
    for (const std::string& key : keys) EXPECT_TRUE(seen.insert(key).second) << key;
    if (i + 1 == tables.size()) break;
    EXPECT_GE(tables[i]->properties().file_bytes, job.output_bytes_max / 2);
  }
  CheckDisjoint(tables);
  CheckReads(bench, facts, {tables});
}

}  // namespace
}  // namespace varve
