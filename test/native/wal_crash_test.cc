// A database's lives on a disk that loses power: what was answered for is always there, what is
// there is always a prefix of what was written, and no crash is ever taken for damage.
//
// The model keeps the log as of the last sync and the records appended since. After a crash the log
// must be what some prefix of those records makes of it; after a mere kill, what all of them make.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "wal_support.h"

namespace varve {
namespace {

struct ModelEntry {
  uint64_t id = 0, term = 0, last_sequence = 0;
  bool operator==(const ModelEntry& other) const { return id == other.id && term == other.term; }
};
using ModelLog = std::vector<ModelEntry>;  // of indexes from 1
struct ModelRecord {
  uint64_t index;
  ModelEntry entry;
  bool truncates = false;  // no record: all after `index` was forgotten
};

void ApplyTo(ModelLog* log, const ModelRecord& record) {
  if (record.truncates) return;
  if (record.index <= log->size()) {
    if ((*log)[record.index - 1] == record.entry) return;
    log->resize(record.index - 1);
  }
  log->push_back(record.entry);
}

class Lives {
 public:
  Lives(uint64_t seed, bool raft) : random_(seed), raft_(raft) {
    EXPECT_OK(fs_.MakeDirectory("/db"));
    EXPECT_OK(fs_.SyncDirectory("/"));
    directory_.reserve_bytes = Below(3) * 4096;
  }

  void Run(int lives) {
    for (int life = 0; life < lives && !::testing::Test::HasFailure(); ++life) {
      if (Open()) Live();
      wal_.reset();
      fs_.SetFaults({});
      killed_ = Chance(3);
      killed_ ? fs_.Kill() : fs_.Crash(random_() | 1);
    }
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(uint64_t in) { return Below(in) == 0; }

  // Replays, checks, restarts; false when a fault hit meanwhile.
  bool Open() {
    ReplayOptions options = directory_.Options();
    options.flushed = flushed_;
    std::vector<SeenEntry> entries;
    ReplayResult result;
    const Status status = directory_.Replay(options, &result, &entries);
    EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << Describe(options);
    if (!status.ok()) return false;
    Check(entries, result);
    if (::testing::Test::HasFailure()) return false;
    live_ = base_;
    for (const ModelRecord& record : appended_) ApplyTo(&live_, record);
    if (truncated_) live_.resize(appended_.back().index);
    AtLeastFlushed(&live_);
    // Where no byte was lost what a later crash may lose still is not synced.
    if (!killed_) Settle();
    wal_ = std::make_unique<Wal>(std::move(result.log));
    if (Chance(4)) SetFault();
    std::shared_ptr<WalSegment> segment;
    if (!Prepare(&segment).ok()) return false;
    std::vector<std::string> superfluous;
    if (!wal_->Restart(segment, identity_, flushed_.index, &superfluous).ok()) return false;
    Settle();
    superfluous.insert(superfluous.end(), result.unused.begin(), result.unused.end());
    for (const std::string& path : superfluous) {
      if (Chance(2)) continue;
      if (!fs_.Unlink(path).ok()) return false;
      std::erase(spare_, path);
    }
    return true;
  }

  std::string Describe(const ReplayOptions& options) {
    std::string text = "flushed " + std::to_string(flushed_.index) + "\n";
    for (const ReplaySegment& segment : options.segments) {
      text += segment.path + "\n";
      EXPECT_OK(DescribeSegment(&fs_, segment.path,
                                [&](const std::string& line) { text += line + "\n"; }));
    }
    return text;
  }

  void Settle() {
    base_ = live_;
    appended_.clear();
    hard_states_ = {hard_states_.back()};
  }

  void AtLeastFlushed(ModelLog* log) const {
    const bool lacks = log->size() < flushed_.index ||
                       (flushed_.index > 0 && (*log)[flushed_.index - 1].term != flushed_.term);
    if (lacks) *log = flushed_log_;
  }

  // What is at or below the flushed position is not read from the log.
  bool IsLog(ModelLog log, const ModelLog& seen) const {
    AtLeastFlushed(&log);
    return log.size() == seen.size() &&
           std::equal(log.begin() + static_cast<long>(flushed_.index), log.end(),
                      seen.begin() + static_cast<long>(flushed_.index));
  }

  void Check(const std::vector<SeenEntry>& entries, const ReplayResult& result) {
    ModelLog seen = flushed_log_;
    for (const SeenEntry& entry : entries) {
      OperationReader reader(entry.payload);
      Operation operation;
      ASSERT_TRUE(reader.Next(&operation));
      ASSERT_EQ(entry.header.index, seen.size() + 1);
      ASSERT_GT(entry.header.first_sequence, seen.empty() ? 0 : seen.back().last_sequence);
      seen.push_back({std::stoull(std::string(operation.key)), entry.header.term,
                      entry.header.last_sequence()});
    }
    ASSERT_EQ(result.log.position.index, seen.size());
    ASSERT_LE(result.log.synced_index, seen.size());
    size_t count = appended_.size() + 1;
    truncated_ = false;
    for (size_t prefix = appended_.size() + 1; prefix-- > 0 && count > appended_.size();) {
      ModelLog log = base_;
      for (size_t i = 0; i < prefix; ++i) ApplyTo(&log, appended_[i]);
      if (IsLog(log, seen)) {
        count = prefix;
      } else if (prefix > 0 && appended_[prefix - 1].truncates) {
        log.resize(appended_[prefix - 1].index);
        truncated_ = IsLog(log, seen);
        if (truncated_) count = prefix;
      }
    }
    ASSERT_LE(count, appended_.size())
        << "the log is no prefix of what was written: " << seen.size() << " entries; "
        << base_.size() << " were synced\n"
        << Describe(directory_.Options());
    ASSERT_TRUE(!killed_ || count == appended_.size()) << "a kill lost something";
    appended_.resize(count);
    const uint64_t vote = result.log.hard_state.vote;
    const auto held = std::find(hard_states_.begin(), hard_states_.end(), vote);
    ASSERT_TRUE(held != hard_states_.end())
        << "a vote was lost: " << vote << " of " << hard_states_.front() << ".."
        << hard_states_.back() << "\n"
        << Describe(directory_.Options());
    ASSERT_TRUE(!killed_ || vote == hard_states_.back());
    hard_states_.erase(held + 1, hard_states_.end());
  }

  void SetFault() {
    FaultPlan faults;
    faults.at_call = 1 + Below(40);
    faults.os_error = Chance(2) ? ENOSPC : EIO;
    faults.short_write = Chance(2);
    faults.operations = 4 | 8 | 16 | 64;
    fs_.SetFaults(faults);
  }

  Status Prepare(std::shared_ptr<WalSegment>* segment) {
    const uint64_t number = ++number_;
    identity_ = directory_.IdentityOf(number, random_());
    const std::string path = directory_.PathOf(number);
    if (!spare_.empty() && Chance(2)) {
      const std::string from = spare_.back();
      spare_.pop_back();
      VARVE_TRY(fs_.Rename(from, path));
      VARVE_TRY(fs_.SyncDirectory("/db"));
      return WalSegment::Recycle(&fs_, path, directory_.reserve_bytes, segment);
    }
    VARVE_TRY(WalSegment::Create(&fs_, path, directory_.reserve_bytes, segment));
    return fs_.SyncDirectory("/db");
  }

  void Live() {
    if (Chance(3)) SetFault();
    const uint64_t steps = Below(60);
    for (uint64_t step = 0; step < steps; ++step) {
      Status status = Step();
      if (status.code() == Code::kNoSpace) status = Rotate();
      if (!status.ok()) return;
    }
  }

  Status Rotate() {
    std::shared_ptr<WalSegment> segment;
    VARVE_TRY(Prepare(&segment));
    return wal_->Rotate(segment, identity_);
  }

  Status Step() {
    const uint64_t choice = Below(20);
    if (choice < 10) return Append(0);
    if (choice < 13) return Sync();
    if (choice < 14) return wal_->MarkSynced();
    if (choice < 16) return Rotate();
    if (choice < 17) return Flush();
    if (!raft_) return Append(0);
    if (choice < 18) return Vote();
    return Supersede();
  }

  Status Append(uint64_t index) {
    EntryToAppend entry;
    entry.term = term_;
    entry.count = 1;
    entry.index = index;
    const std::string key = std::to_string(++id_);
    // Bytes of its own: half a failed write before equal bytes of a former use would be a whole
    // one.
    std::string value(Below(Chance(8) ? 3000 : 60), '\0');
    for (char& byte : value) byte = static_cast<char>(random_());
    const std::string payload = PutBatch(key, value);
    std::string frame = FrameOf(payload);
    const uint64_t at = index != 0 ? index : wal_->last_index() + 1;
    ModelRecord record{at, {id_, term_, 0}, false};
    const Status status = wal_->Append(entry, frame.data(), payload.size());
    if (!status.ok()) return status;
    record.entry.last_sequence = wal_->position().sequence;
    appended_.push_back(record);
    live_.resize(at - 1);
    live_.push_back(record.entry);
    return status;
  }

  Status Sync() {
    VARVE_TRY(wal_->Sync());
    EXPECT_EQ(wal_->synced_index(), wal_->last_index());
    for (const ModelRecord& record : appended_) ApplyTo(&base_, record);
    AtLeastFlushed(&base_);
    const bool truncated = !appended_.empty() && appended_.back().truncates;
    appended_.erase(appended_.begin(), appended_.end() - (truncated ? 1 : 0));
    hard_states_ = {hard_states_.back()};
    committed_ = std::max(committed_, Below(wal_->synced_index() + 1));
    return Status::Ok();
  }

  Status Vote() {
    const uint64_t vote = hard_states_.back() + 1;
    VARVE_TRY(wal_->SetHardState({term_, vote}));
    hard_states_.push_back(vote);
    return Status::Ok();
  }

  Status Supersede() {
    const uint64_t kept = std::max(committed_, flushed_.index);
    if (kept >= wal_->last_index()) return Status::Ok();
    const uint64_t index = kept + 1 + Below(wal_->last_index() - kept);
    ++term_;
    if (Chance(2)) {
      VARVE_TRY(wal_->TruncateAfter(index - 1));
      // The next segment's header may already say so, where what follows it does not.
      appended_.push_back({index - 1, {}, true});
      if (Chance(3)) VARVE_TRY(Rotate());
      if (Chance(3)) VARVE_TRY(Vote());
      return Append(0);
    }
    return Append(index);
  }

  // Tables and manifest are durable at once here; alone, they may be so before the log is.
  Status Flush() {
    const uint64_t to = raft_ ? committed_ : Below(wal_->last_index() + 1);
    if (to > flushed_.index && to <= live_.size()) {
      flushed_log_ = live_;
      flushed_log_.resize(to);
      flushed_ = {to, live_[to - 1].term, live_[to - 1].last_sequence, 0};
    }
    for (const std::string& path : wal_->DropBefore(flushed_.index)) {
      if (Chance(2)) {
        spare_.push_back(path);
      } else {
        VARVE_TRY(fs_.Unlink(path));
      }
    }
    return Status::Ok();
  }

  std::mt19937_64 random_;
  const bool raft_;
  MemoryFileSystem fs_;
  WalDirectory directory_{&fs_};
  std::unique_ptr<Wal> wal_;
  SegmentIdentity identity_;
  uint64_t number_ = 0, id_ = 0, term_ = 1, committed_ = 0;
  bool killed_ = false;
  bool truncated_ = false;

  ModelLog base_;                      // certainly on disk
  std::vector<ModelRecord> appended_;  // since
  ModelLog live_;                      // as the Wal has it
  ModelLog flushed_log_;
  LogPosition flushed_;
  std::vector<uint64_t> hard_states_{0};  // the votes since the last sync, and the one it covered
  std::vector<std::string> spare_;
};

// VARVE_SEED=n runs that seed only, VARVE_SEEDS=n the first n.
void RunSeeds(bool raft) {
  const char* one = std::getenv("VARVE_SEED");
  const char* many = std::getenv("VARVE_SEEDS");
  const uint64_t first = one != nullptr ? std::stoull(one) : 1;
  const uint64_t last = one != nullptr ? first : many != nullptr ? std::stoull(many) : 300;
  for (uint64_t seed = first; seed <= last && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("VARVE_SEED=" + std::to_string(seed));
    Lives(seed, raft).Run(12);
  }
}

TEST(WalCrash, AloneEveryCrashLeavesWhatWasAnsweredFor) { RunSeeds(false); }
TEST(WalCrash, UnderRaftEveryCrashLeavesWhatWasAnsweredFor) { RunSeeds(true); }

}  // namespace
}  // namespace varve
