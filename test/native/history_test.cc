// A small database made of the core's parts, under random writes, flushes, compactions, moves and
// snapshots, against a model: get, getMany, scans both ways and counts agree at every sequence and
// time that may be read.
#include "core/jobs.h"
#include "core/level_cursor.h"
#include "core/scan.h"
#include "read_support.h"

namespace varve {
namespace {

using Tables = View::Tables;

constexpr uint64_t kKeys = 60;
constexpr size_t kLevels = 4;

struct Seen {
  std::string value;
  Sequence sequence = 0;
  uint64_t expires_at = 0;  // 0: never
};
using Model = std::map<std::string, Seen>;

// What a reader at (sequence, now_ms) sees.
Model Replay(const Writes& writes, Sequence sequence, uint64_t now_ms) {
  Model model;
  for (const Write& write : writes) {
    if (write.sequence > sequence) break;
    const bool expires = write.kind == Kind::kPutExpiring;
    if (write.kind == Kind::kRangeTombstone) {
      model.erase(model.lower_bound(write.key), model.lower_bound(write.value));
    } else if (IsTombstone(write.kind) || (expires && write.expires_at <= now_ms)) {
      model.erase(write.key);
    } else {
      model[write.key] = {write.value, write.sequence, expires ? write.expires_at : 0};
    }
  }
  return model;
}

struct Snapshot {
  Sequence sequence = 0;
  uint64_t time_ms = 0;
  Model model;
};

bool Overlap(const TableProperties& table, const std::string& first, const std::string& last) {
  return !EndsBefore(table, first) && table.key_first <= last;
}

class History {
 public:
  explicit History(uint64_t seed) : random_(seed) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      Step();
      if (random_.Below(20) == 0) CheckSomewhere();
    }
    snapshots_.clear();
    CheckAt(sequence_, now_ms_, Replay(writes_, sequence_, now_ms_));
    MergeAll();
    CheckLeftovers();
  }

  int flushes = 0, compactions = 0, moves = 0;

 private:
  void Step() {
    const uint64_t what = random_.Below(100);
    if (what < 80) return WriteOne();
    if (what < 84) return Freeze();
    if (what < 88) return Flush();
    if (what < 92) return CompactLevel0();
    if (what < 95) return CompactDeeper();
    if (what < 97) return ChangeSnapshots();
    now_ms_ += random_.Below(30);
  }

  void WriteOne() {
    static constexpr Kind kKinds[] = {Kind::kPut,       Kind::kPut,         Kind::kPut,
                                      Kind::kTombstone, Kind::kPutExpiring, Kind::kExpire};
    Write write;
    write.sequence = ++sequence_;
    write.key = KeyOf(random_.Below(kKeys));
    if (random_.Below(10) == 0) {
      write.kind = Kind::kRangeTombstone;
      write.value = KeyOf(random_.Below(kKeys));
      ASSERT_OK(memtable_->AddRange(write.sequence, write.key, write.value));
      if (write.key >= write.value) return;
    } else {
      write.kind = kKinds[random_.Below(6)];
      write.expires_at = now_ms_ + random_.Below(100);
      if (!IsTombstone(write.kind)) write.value = std::string(random_.Below(30), 'v');
      ASSERT_OK(
          memtable_->Add(write.sequence, write.kind, write.key, write.value, write.expires_at));
    }
    writes_.push_back(std::move(write));
  }

  void ChangeSnapshots() {
    if (!snapshots_.empty() && random_.Coin()) {
      snapshots_.erase(snapshots_.begin() +
                       static_cast<ptrdiff_t>(random_.Below(snapshots_.size())));
    } else {
      snapshots_.push_back({sequence_, now_ms_, Replay(writes_, sequence_, now_ms_)});
    }
  }

  MergeFacts Facts(size_t output_level) const {
    MergeFacts facts;
    facts.expired_ms = now_ms_;
    for (const Snapshot& snapshot : snapshots_) {
      if (facts.snapshots.empty() || facts.snapshots.back() != snapshot.sequence) {
        facts.snapshots.push_back(snapshot.sequence);
      }
      facts.expired_ms = std::min(facts.expired_ms, snapshot.time_ms);
    }
    for (size_t level = output_level + 1; level < kLevels; ++level) {
      auto& spans = facts.deeper.emplace_back();
      for (const auto& table : levels_[level]) {
        spans.emplace_back(table->properties().key_first, table->properties().key_last);
      }
    }
    facts.bottommost = output_level + 1 == kLevels;
    return facts;
  }

  OutputFile NewOutput() {
    OutputFile output;
    const uint64_t number = ++files_;
    output.path = "/" + std::to_string(number);
    std::memcpy(output.id.data(), &number, sizeof(number));
    return output;
  }

  TableOptions Options() {
    TableOptions options;
    options.block_bytes = 100 + random_.Below(300);
    return options;
  }

  Tables Open(const std::vector<OutputFile>& files, const JobResult& result) {
    Tables tables;
    for (const JobOutput& output : result.outputs) {
      const OutputFile& file = files[output.file];
      const Status status = TableReader::Open(&fs_, file.path, files_, file.id, cache_, nullptr,
                                              &tables.emplace_back());
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    return tables;
  }

  void Freeze() {
    if (frozen_.size() == 3) return Flush();
    frozen_.insert(frozen_.begin(), std::exchange(memtable_, std::make_shared<Memtable>(1 << 12)));
  }

  // The oldest frozen memtables, which are the last, become the newest table of level 0.
  void Flush() {
    if (frozen_.empty()) return;
    const auto first = frozen_.end() - static_cast<ptrdiff_t>(1 + random_.Below(frozen_.size()));
    FlushJob job;
    job.fs = &fs_;
    job.memtables.assign(first, frozen_.end());
    job.output = NewOutput();
    job.table = Options();
    job.facts = Facts(0);
    // A flush lies above level 0 too.
    auto& spans = job.facts.deeper.emplace_back();
    for (const auto& table : levels_[0]) {
      spans.emplace_back(table->properties().key_first, table->properties().key_last);
    }
    std::sort(spans.begin(), spans.end());
    // Level 0 overlaps itself: one span for all of it.
    for (size_t i = 1; i < spans.size(); ++i) {
      spans[0].second = std::max(spans[0].second, spans[i].second);
    }
    spans.resize(std::min<size_t>(spans.size(), 1));
    JobResult result;
    ASSERT_OK(RunFlush(job, &progress_, &result));
    const Tables tables = Open({job.output}, result);
    levels_[0].insert(levels_[0].begin(), tables.begin(), tables.end());
    frozen_.erase(first, frozen_.end());
    ++flushes;
  }

  // The oldest tables of level 0, which are the last.
  void CompactLevel0() {
    if (levels_[0].empty()) return;
    const auto first =
        levels_[0].end() - static_cast<ptrdiff_t>(1 + random_.Below(levels_[0].size()));
    Tables inputs(first, levels_[0].end());
    levels_[0].erase(first, levels_[0].end());
    std::vector<Tables> runs;
    for (auto& table : inputs) runs.push_back({table});
    MergeInto(1, std::move(runs));
  }

  void CompactDeeper() {
    const size_t level = 1 + random_.Below(kLevels - 2);
    if (levels_[level].empty()) return;
    const auto at =
        levels_[level].begin() + static_cast<ptrdiff_t>(random_.Below(levels_[level].size()));
    Tables inputs = {*at};
    levels_[level].erase(at);
    MergeInto(level + 1, {inputs});
  }

  // Merges runs with what they overlap in the level, or moves a single table that overlaps nothing.
  void MergeInto(size_t level, std::vector<Tables> runs) {
    std::string first = "\xff", last;
    for (const Tables& run : runs) {
      first = std::min(first, run.front()->properties().key_first);
      last = std::max(last, run.back()->properties().key_last);
    }
    Tables below, left;
    for (auto& table : levels_[level]) {
      (Overlap(table->properties(), first, last) ? below : left).push_back(std::move(table));
    }
    const bool move = below.empty() && runs.size() == 1 && runs[0].size() == 1 && random_.Coin();
    if (!below.empty()) runs.push_back(std::move(below));
    Tables outputs = move ? runs[0] : Merge(level, runs);
    moves += move;
    left.insert(left.end(), outputs.begin(), outputs.end());
    std::sort(left.begin(), left.end(), [](const auto& a, const auto& b) {
      return a->properties().key_first < b->properties().key_first;
    });
    for (size_t i = 1; i < left.size(); ++i) {
      ASSERT_TRUE(EndsBefore(left[i - 1]->properties(), left[i]->properties().key_first));
    }
    levels_[level] = std::move(left);
  }

  Tables Merge(size_t level, const std::vector<Tables>& runs) {
    CompactionJob job;
    job.fs = &fs_;
    job.runs = runs;
    for (int i = 0; i < 80; ++i) job.outputs.push_back(NewOutput());
    job.output_bytes_max = 300 + random_.Below(3000);
    for (uint64_t key = random_.Below(20); key < kKeys; key += 1 + random_.Below(20)) {
      job.cut_after.push_back(KeyOf(key));
    }
    job.table = Options();
    job.facts = Facts(level);
    JobResult result;
    const Status status = RunCompaction(job, &progress_, &result);
    EXPECT_TRUE(status.ok()) << status.ToString();
    ++compactions;
    return Open(job.outputs, result);
  }

  void MergeAll() {
    while (!frozen_.empty()) Flush();
    Freeze();
    Flush();
    for (size_t level = 1; level < kLevels; ++level) {
      std::vector<Tables> runs;
      if (level == 1) {
        for (auto& table : levels_[0]) runs.push_back({table});
      } else if (!levels_[level - 1].empty()) {
        runs.push_back(levels_[level - 1]);
      }
      levels_[level - 1].clear();
      if (!levels_[level].empty()) runs.push_back(std::exchange(levels_[level], {}));
      if (!runs.empty()) levels_[level] = Merge(level, runs);
    }
  }

  // Merged to the bottom without snapshots, nothing but what is visible is left.
  void CheckLeftovers() {
    const Model model = Replay(writes_, sequence_, now_ms_);
    uint64_t entries = 0;
    for (const auto& table : levels_[kLevels - 1]) {
      entries += table->properties().entries;
      EXPECT_TRUE(table->range_tombstones().empty());
      EXPECT_EQ(table->properties().tombstones, 0u);
      EXPECT_EQ(table->properties().snapshot_sequence_last, 0u);
    }
    EXPECT_EQ(entries, model.size());
    CheckAt(sequence_, now_ms_, model);
  }

  void CheckSomewhere() {
    const uint64_t at = random_.Below(snapshots_.size() + 1);
    if (at < snapshots_.size()) {
      const Snapshot& snapshot = snapshots_[at];
      return CheckAt(snapshot.sequence, snapshot.time_ms, snapshot.model);
    }
    CheckAt(sequence_, now_ms_, Replay(writes_, sequence_, now_ms_));
  }

  void CheckAt(Sequence sequence, uint64_t now_ms, const Model& model) {
    const auto view = std::make_shared<const View>(memtable_, frozen_, levels_);
    CheckGets(*view, sequence, now_ms, model);
    for (const bool reverse : {false, true}) {
      ScanOptions options;
      options.start = random_.Coin() ? "\x01" : KeyOf(random_.Below(kKeys));
      options.end = random_.Coin() ? "\x02" : KeyOf(random_.Below(kKeys));
      options.reverse = reverse;
      options.fill_cache = random_.Coin();
      options.sequence = sequence;
      options.now_ms = now_ms;
      CheckScan(view, options, model);
      CheckCount(view, options, model);
    }
  }

  void CheckGets(const View& view, Sequence sequence, uint64_t now_ms, const Model& model) {
    std::vector<std::string> names;
    for (uint64_t i = 0; i < kKeys; ++i) names.push_back(KeyOf((i * 37 + 11) % kKeys));
    std::vector<LookupKey> keys;
    for (const std::string& name : names) keys.push_back({name, Hash64(name), sequence});
    std::vector<LookupResult> many(kKeys);
    bool blocked[kKeys];
    ASSERT_OK(view.GetMany(keys.data(), kKeys, ReadTier::kMayBlock, many.data(), blocked));
    for (uint64_t i = 0; i < kKeys; ++i) {
      LookupResult one;
      ASSERT_OK(view.Get(keys[i], ReadTier::kMayBlock, &one));
      ASSERT_EQ(one.state, many[i].state);
      const auto expected = model.find(names[i]);
      const bool expires = one.kind == Kind::kPutExpiring;
      bool found = one.state == LookupResult::State::kFound;
      if (found && expires && DecodeFixed64(one.value.data()) <= now_ms) found = false;
      ASSERT_EQ(found, expected != model.end()) << names[i] << " at " << sequence;
      if (!found) continue;
      ASSERT_EQ(one.sequence, expected->second.sequence);
      ASSERT_EQ(expires ? DecodeFixed64(one.value.data()) : 0, expected->second.expires_at);
      ASSERT_EQ(one.value.substr(expires ? 8 : 0), expected->second.value);
      ASSERT_EQ(many[i].value, one.value);
    }
  }

  static std::vector<std::pair<std::string, Seen>> Within(const Model& model,
                                                          const ScanOptions& options) {
    std::vector<std::pair<std::string, Seen>> within;
    for (const auto& entry : model) {
      if (entry.first >= options.start && entry.first < options.end) within.push_back(entry);
    }
    return within;
  }

  void CheckScan(const std::shared_ptr<const View>& view, const ScanOptions& options,
                 const Model& model) {
    auto expected = Within(model, options);
    if (options.reverse) std::reverse(expected.begin(), expected.end());
    char keys[kKeys * 10], values[kKeys * 40];
    uint32_t sizes[2 * kKeys];
    ScanPage page;
    page.keys = keys;
    page.values = values;
    page.sizes = sizes;
    page.keys_capacity = sizeof(keys);
    page.values_capacity = sizeof(values);
    Scan scan(view, options);
    size_t at = 0;
    while (!page.done) {
      page.entries_max = 1 + random_.Below(kKeys);
      ASSERT_OK(scan.Fill(ReadTier::kMayBlock, &page));
      const char *key = keys, *value = values;
      for (size_t i = 0; i < page.entries; ++i, ++at) {
        ASSERT_LT(at, expected.size());
        ASSERT_EQ(Slice(key, sizes[2 * i]), expected[at].first);
        ASSERT_EQ(Slice(value, sizes[2 * i + 1]), expected[at].second.value);
        key += sizes[2 * i];
        value += sizes[2 * i + 1];
      }
    }
    ASSERT_EQ(at, expected.size());
  }

  void CheckCount(const std::shared_ptr<const View>& view, const ScanOptions& options,
                  const Model& model) {
    const auto expected = Within(model, options);
    Sequence last = 0;
    for (const auto& entry : expected) last = std::max(last, entry.second.sequence);
    Scan scan(view, options);
    ScanCount count;
    ASSERT_OK(scan.Count(ReadTier::kMayBlock, ~uint64_t{0}, &count));
    ASSERT_EQ(count.entries, expected.size());
    ASSERT_EQ(count.sequence_last, last);
    ASSERT_TRUE(count.done);
  }

  SeededRandom random_;
  MemoryFileSystem fs_;
  std::shared_ptr<BlockCache> cache_ = std::make_shared<BlockCache>(8192);
  JobProgress progress_;
  uint64_t files_ = 0;
  std::shared_ptr<Memtable> memtable_ = std::make_shared<Memtable>(1 << 12);
  std::vector<std::shared_ptr<Memtable>> frozen_;  // newest first
  std::vector<Tables> levels_ = std::vector<Tables>(kLevels);
  Writes writes_;
  Sequence sequence_ = 0;
  uint64_t now_ms_ = 1000;
  std::vector<Snapshot> snapshots_;  // ascending
};

TEST(History, ReadsAgreeWithAModelWhateverIsFlushedCompactedAndMoved) {
  int flushes = 0, compactions = 0, moves = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    History history(seed);
    ASSERT_NO_FATAL_FAILURE(history.Run(2000));
    flushes += history.flushes;
    compactions += history.compactions;
    moves += history.moves;
  }
  EXPECT_GT(flushes, 800);
  EXPECT_GT(compactions, 800);
  EXPECT_GT(moves, 10);
}

}  // namespace
}  // namespace varve
