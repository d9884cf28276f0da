// Recovery: copies of the tail, cuts and seals, and damage that only what follows can tell.
#include "wal_support.h"

namespace varve {
namespace {

TEST_F(WalTest, RecoveryCopiesWhatIsNotKnownToBeSynced) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 1; i <= 10; ++i) {
    if (i == 6) ASSERT_OK(wal_->Sync());
    Put("k", std::to_string(i));
  }
  fs_.Kill();
  Reopen(2, directory_.Options());
  EXPECT_EQ(wal_->synced_index(), 10u);
  EXPECT_EQ(wal_->position().sequence, 10u);
  Put("k", "11");
  ASSERT_OK(wal_->Sync());
  std::string records;
  ASSERT_OK(wal_->Read(1, 1 << 20, &records));
  wal_.reset();
  fs_.Crash(0);  // the tail of the first segment was never synced, and goes
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  ASSERT_EQ(entries_.size(), 11u);
  for (size_t i = 0; i < 11; ++i)
    EXPECT_EQ(entries_[i].payload, PutBatch("k", std::to_string(i + 1)));
}

TEST_F(WalTest, AHalfCopiedTailLosesNothing) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 1; i <= 10; ++i) Put("k", std::to_string(i));
  ASSERT_OK(wal_->Sync());  // answered for, but nothing on disk says so
  wal_.reset();
  for (uint64_t call = 1; call <= 14; ++call) {  // ten copies, a sync, the header, a sync
    ReplayResult first;
    ASSERT_OK(directory_.Replay(directory_.Options(), &first, &entries_));
    ASSERT_EQ(entries_.size(), 10u);
    Wal wal(std::move(first.log));
    std::shared_ptr<WalSegment> segment;
    ASSERT_OK(directory_.Prepare(1 + call, &segment));
    FaultPlan faults;
    faults.at_call = call;
    faults.operations = 4 | 8;
    faults.short_write = call % 2 == 0;
    fs_.SetFaults(faults);
    EXPECT_EQ(wal.Restart(segment, directory_.IdentityOf(1 + call), 0, &superfluous_).ok(),
              call == 14)
        << call;
    fs_.SetFaults({});
    fs_.Crash(call);
  }
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(entries_.size(), 10u);
}

TEST_F(WalTest, ACutDescribesItself) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 1; i <= 3; ++i) Put("old", std::to_string(i));
  ASSERT_OK(directory_.Rotate(wal_.get(), 2));
  Put("old", "4");
  wal_.reset();
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &bytes));
  const uint64_t second = kSegmentHeaderFixedBytes + RecordBytes(PutBatch("old", "1").size());
  bytes[second + 30] ^= 1;
  ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
  Reopen(3, directory_.Options());
  EXPECT_EQ(result_.cut_file, "/db/000001.wal");
  EXPECT_EQ(result_.cut_offset, second);
  EXPECT_EQ(result_.unused, std::vector<std::string>{"/db/000002.wal"});
  Put("new", "2");
  ASSERT_OK(wal_->Sync());
  bytes[second + 30] ^= 1;  // as if the torn record came back
  ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(PayloadsOf(entries_),
            (std::vector<std::string>{PutBatch("old", "1"), PutBatch("new", "2")}));
}

TEST_F(WalTest, TheManifestsSealHolds) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  ReplayOptions options = directory_.Options();
  options.segments[0].end = wal_->segment_bytes();
  Put("a", "2");
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  EXPECT_EQ(entries_.size(), 1u);
}

TEST_F(WalTest, ALostVoteIsFoundOut) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  ASSERT_OK(wal_->Sync());
  const uint64_t vote = wal_->segment_bytes();
  ASSERT_OK(wal_->SetHardState({5, 2}));
  ASSERT_OK(wal_->Sync());
  ASSERT_OK(wal_->MarkSynced());
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &bytes));
  bytes[vote + kRecordHeaderBytes] ^= 1;
  ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
  const Status status = directory_.Replay(directory_.Options(), &result_);
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.offset(), vote);
}

TEST_F(WalTest, ADamagedSupersedingEntryIsFoundOut) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 1; i <= 50; ++i) Put("old", "x");
  ASSERT_OK(wal_->Sync());
  const uint64_t superseding = wal_->segment_bytes();
  Put("new", "y", {RecordKind::kBatches, 2, 0, 0, 11});
  ASSERT_OK(wal_->Sync());
  Put("new", "z", {RecordKind::kBatches, 2});  // says 11 was on disk, with an index below 51
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &bytes));
  bytes[superseding + 3] ^= 1;
  ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
  EXPECT_EQ(directory_.Replay(directory_.Options(), &result_).code(), Code::kCorruption);
}

}  // namespace
}  // namespace varve
