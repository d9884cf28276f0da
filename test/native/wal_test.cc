// Appending, syncing, reading and truncating, and what happens when the disk says no.
#include "wal_support.h"

namespace varve {
namespace {

TEST_F(WalTest, AppendsReadBackAsTheyLieInTheFile) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 1; i <= 5; ++i)
    Put("key" + std::to_string(i), std::string(static_cast<size_t>(i) * 10, 'v'));
  EXPECT_EQ(wal_->first_index(), 1u);
  EXPECT_EQ(wal_->last_index(), 5u);
  EXPECT_EQ(wal_->position().sequence, 5u);
  std::string records;
  ASSERT_OK(wal_->Read(2, 1 << 20, &records));
  size_t at = 0;
  for (uint64_t index = 2; index <= 5; ++index) {
    const RecordHeader header = DecodeRecordHeader(records.data() + at);
    EXPECT_EQ(header.index, index);
    EXPECT_EQ(header.first_sequence, index);
    EXPECT_EQ(records.substr(at + kRecordHeaderBytes, header.payload_bytes),
              PutBatch("key" + std::to_string(index), std::string(index * 10, 'v')));
    at += RecordBytes(header.payload_bytes);
  }
  EXPECT_EQ(at, records.size());
  ASSERT_OK(wal_->Read(3, 1, &records));
  EXPECT_EQ(DecodeRecordHeader(records.data()).index, 3u);
  EXPECT_EQ(records.size(), RecordBytes(DecodeRecordHeader(records.data()).payload_bytes));
  EXPECT_EQ(wal_->Read(6, 1, &records).code(), Code::kNotFound);
  EXPECT_EQ(wal_->Read(0, 1, &records).code(), Code::kNotFound);
}

TEST_F(WalTest, ALongRecordReadsBack) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  const std::string payload = PutBatch("long", std::string(3 << 20, 'x'));
  ASSERT_OK(AppendPayload(wal_.get(), payload));
  Put("short", "y");
  std::string records;
  ASSERT_OK(wal_->Read(1, 1 << 30, &records));
  EXPECT_EQ(records.substr(kRecordHeaderBytes, payload.size()), payload);
  ASSERT_OK(wal_->Sync());
  wal_.reset();
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  ASSERT_EQ(entries_.size(), 2u);
  EXPECT_EQ(entries_[0].payload, payload);
}

TEST_F(WalTest, SyncRaisesTheSyncedIndexToWhatWasThere) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  EXPECT_TRUE(wal_->needs_sync());
  Put("a", "1");
  Put("b", "2");
  EXPECT_EQ(wal_->synced_index(), 0u);
  ASSERT_OK(wal_->Sync());
  EXPECT_EQ(wal_->synced_index(), 2u);
  EXPECT_FALSE(wal_->needs_sync());
  EXPECT_EQ(wal_->syncs(), 1u);
  ASSERT_OK(wal_->Sync());
  EXPECT_EQ(wal_->syncs(), 1u);
  ASSERT_OK(wal_->MarkSynced());
  const uint64_t bytes = wal_->segment_bytes();
  ASSERT_OK(wal_->MarkSynced());
  EXPECT_EQ(wal_->segment_bytes(), bytes);
  EXPECT_FALSE(wal_->needs_sync());
  Put("c", "3");
  ASSERT_OK(wal_->MarkSynced());  // not synced: no mark
  EXPECT_TRUE(wal_->needs_sync());
}

TEST_F(WalTest, TermsAndSuperseding) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (uint64_t index = 1; index <= 6; ++index)
    Put("a", "b", {RecordKind::kBatches, index <= 3 ? 1u : 2u});
  ASSERT_OK(wal_->Sync());
  uint64_t term = 9;
  ASSERT_OK(wal_->Term(0, &term));
  EXPECT_EQ(term, 0u);
  ASSERT_OK(wal_->Term(3, &term));
  EXPECT_EQ(term, 1u);
  ASSERT_OK(wal_->Term(4, &term));
  EXPECT_EQ(term, 2u);
  EXPECT_EQ(wal_->Term(7, &term).code(), Code::kNotFound);

  Put("x", "y", {RecordKind::kBatches, 3, 0, 0, 5});
  EXPECT_EQ(wal_->last_index(), 5u);
  EXPECT_EQ(wal_->synced_index(), 4u);
  EXPECT_EQ(wal_->position().sequence, 5u);
  ASSERT_OK(wal_->TruncateAfter(2));
  EXPECT_EQ(wal_->last_index(), 2u);
  EXPECT_EQ(wal_->synced_index(), 2u);
  ASSERT_OK(wal_->Term(2, &term));
  EXPECT_EQ(term, 1u);
  EXPECT_EQ(wal_->Term(3, &term).code(), Code::kNotFound);
  Put("z", "z", {RecordKind::kBatches, 4});
  EXPECT_EQ(wal_->position().index, 3u);
  EXPECT_EQ(wal_->position().sequence, 3u);
  EXPECT_EQ(AppendPayload(wal_.get(), PutBatch("a", "b"), {RecordKind::kBatches, 3}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(
      AppendPayload(wal_.get(), PutBatch("a", "b"), {RecordKind::kBatches, 4, 0, 0, 5}).code(),
      Code::kInvalidArgument);
}

TEST_F(WalTest, MembershipGoesWithItsEntry) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  ASSERT_OK(AppendPayload(wal_.get(), "one", {RecordKind::kMembership, 1}));
  ASSERT_OK(AppendPayload(wal_.get(), "", {RecordKind::kNoop, 2}));
  ASSERT_OK(AppendPayload(wal_.get(), "two", {RecordKind::kMembership, 2}));
  uint64_t index = 0;
  EXPECT_EQ(wal_->membership(&index), "two");
  EXPECT_EQ(index, 4u);
  ASSERT_OK(wal_->TruncateAfter(3));
  EXPECT_EQ(wal_->membership(&index), "one");
  EXPECT_EQ(index, 2u);
  EXPECT_EQ(wal_->position().sequence, 1u);
}

TEST_F(WalTest, TimeNeverGoesBack) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1", {RecordKind::kBatches, 1, 100});
  Put("b", "1", {RecordKind::kBatches, 1, 50});
  EXPECT_EQ(wal_->position().time_ms, 100u);
}

TEST_F(WalTest, DropBeforeGivesLeadingSegments) {
  for (uint64_t number = 1; number <= 4; ++number) {
    ASSERT_OK(directory_.Rotate(wal_.get(), number));
    for (int i = 0; i < 3; ++i) Put("a", "b", {RecordKind::kBatches, number});
  }
  EXPECT_TRUE(wal_->DropBefore(100).empty());  // the hard state of none is surely on disk
  ASSERT_OK(wal_->Sync());
  EXPECT_TRUE(wal_->DropBefore(2).empty());
  EXPECT_EQ(wal_->DropBefore(7), (std::vector<std::string>{"/db/000001.wal", "/db/000002.wal"}));
  EXPECT_EQ(wal_->first_index(), 7u);
  uint64_t term = 0;
  ASSERT_OK(wal_->Term(6, &term));
  EXPECT_EQ(term, 2u);
  ASSERT_OK(wal_->Term(7, &term));
  EXPECT_EQ(term, 3u);
  EXPECT_EQ(wal_->DropBefore(100), (std::vector<std::string>{"/db/000003.wal"}));
  EXPECT_EQ(wal_->first_index(), 10u);
  std::string records;
  EXPECT_EQ(wal_->Read(9, 100, &records).code(), Code::kNotFound);
  ASSERT_OK(wal_->Read(10, 100, &records));
}

TEST_F(WalTest, ResetGoesOnFromASnapshot) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 0; i < 3; ++i) Put("a", "b");
  wal_->Reset({500, 7, 900, 33}, "members");
  EXPECT_EQ(wal_->last_index(), 500u);
  EXPECT_FALSE(AppendPayload(wal_.get(), PutBatch("a", "b"), {RecordKind::kBatches, 7}).ok());
  ASSERT_OK(directory_.Rotate(wal_.get(), 2));
  Put("c", "d", {RecordKind::kBatches, 8});
  EXPECT_EQ(wal_->position().index, 501u);
  EXPECT_EQ(wal_->position().sequence, 901u);
  ASSERT_OK(wal_->Sync());
  EXPECT_EQ(wal_->DropBefore(500), (std::vector<std::string>{"/db/000001.wal"}));
  wal_.reset();
  ReplayOptions options = directory_.Options();
  EXPECT_EQ(directory_.Replay(options, &result_).code(), Code::kCorruption);
  options.flushed = {500, 7, 900, 33};
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  ASSERT_EQ(entries_.size(), 1u);
  EXPECT_EQ(entries_[0].header.first_sequence, 901u);
  EXPECT_EQ(result_.log.index.membership(), "members");
}

TEST_F(WalTest, AWriteErrorPoisonsForGood) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  FaultPlan faults;
  faults.at_call = 1;
  faults.operations = 4;
  fs_.SetFaults(faults);
  const Status first = AppendPayload(wal_.get(), PutBatch("b", "2"));
  EXPECT_EQ(first.code(), Code::kIoError);
  EXPECT_EQ(first.file(), "/db/000001.wal");
  EXPECT_TRUE(first.has_offset());
  fs_.SetFaults({});
  EXPECT_EQ(AppendPayload(wal_.get(), PutBatch("c", "3")).ToString(), first.ToString());
  EXPECT_EQ(wal_->Sync().ToString(), first.ToString());
  EXPECT_EQ(wal_->MarkSynced().ToString(), first.ToString());
  EXPECT_EQ(wal_->SetHardState({1, 1}).ToString(), first.ToString());
  EXPECT_EQ(directory_.Rotate(wal_.get(), 2).ToString(), first.ToString());
  EXPECT_EQ(wal_->poison().ToString(), first.ToString());
  EXPECT_EQ(wal_->last_index(), 1u);
  std::string records;
  EXPECT_OK(wal_->Read(1, 100, &records));
}

TEST_F(WalTest, ASyncErrorPoisonsAndNothingIsSyncedAgain) {
  for (const int os_error : {EIO, ENOSPC}) {
    wal_ = std::make_unique<Wal>(LogState{});
    ASSERT_OK(directory_.Rotate(wal_.get(), os_error == EIO ? 1 : 2));
    Put("a", "1");
    FaultPlan faults;
    faults.at_call = 1;
    faults.operations = 8;
    faults.os_error = os_error;
    fs_.SetFaults(faults);
    const Status first = wal_->Sync();
    EXPECT_EQ(first.code(), Code::kIoError);
    EXPECT_EQ(fs_.calls(), 1u);
    EXPECT_EQ(wal_->Sync().ToString(), first.ToString());
    EXPECT_EQ(fs_.calls(), 1u);
    fs_.SetFaults({});
    EXPECT_EQ(AppendPayload(wal_.get(), PutBatch("b", "2")).ToString(), first.ToString());
    EXPECT_EQ(wal_->synced_index(), 0u);
  }
}

TEST_F(WalTest, NoSpaceSealsUntilTheNextSegment) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  for (const bool short_write : {false, true}) {
    FaultPlan faults;
    faults.at_call = 1;
    faults.operations = 4;
    faults.os_error = ENOSPC;
    faults.short_write = short_write;
    fs_.SetFaults(faults);
    EXPECT_EQ(
        AppendPayload(wal_.get(), BatchOf({{Kind::kPut, "b", "2", 0}, {Kind::kPut, "c", "3", 0}}))
            .code(),
        Code::kNoSpace);
    fs_.SetFaults({});
    EXPECT_EQ(AppendPayload(wal_.get(), PutBatch("d", "4")).code(), Code::kNoSpace);
    EXPECT_FALSE(wal_->sealed().ok());
    EXPECT_OK(wal_->poison());
    EXPECT_OK(wal_->Sync());
    ASSERT_OK(directory_.Rotate(wal_.get(), short_write ? 3 : 2));
    EXPECT_OK(wal_->sealed());
    Put("e", "5");
  }
  EXPECT_EQ(wal_->position().index, 3u);
  EXPECT_EQ(wal_->position().sequence, 7u);  // two failed appends of two operations are skipped
  ASSERT_OK(wal_->Sync());
  wal_.reset();
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  ASSERT_EQ(entries_.size(), 3u);
  EXPECT_EQ(entries_[0].header.first_sequence, 1u);
  EXPECT_EQ(entries_[1].header.first_sequence, 4u);
  EXPECT_EQ(entries_[2].header.first_sequence, 7u);
}

TEST_F(WalTest, NoSpaceForAHeaderLeavesTheLogAsItWas) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  std::shared_ptr<WalSegment> segment;
  ASSERT_OK(directory_.Prepare(2, &segment));
  FaultPlan faults;
  faults.at_call = 1;
  faults.operations = 4;
  faults.os_error = ENOSPC;
  faults.short_write = true;
  fs_.SetFaults(faults);
  EXPECT_EQ(wal_->Rotate(segment, directory_.IdentityOf(2)).code(), Code::kNoSpace);
  fs_.SetFaults({});
  Put("b", "2");
  ASSERT_OK(directory_.Rotate(wal_.get(), 3));
  Put("c", "3");
  ASSERT_OK(wal_->Sync());
  wal_.reset();
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(entries_.size(), 3u);
  EXPECT_EQ(result_.unused, std::vector<std::string>{"/db/000002.wal"});
}

TEST_F(WalTest, RefusesWhatIsNoEntryAndWhatIsTooLarge) {
  EXPECT_EQ(AppendPayload(wal_.get(), PutBatch("a", "b")).code(), Code::kInvalidArgument);
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  EXPECT_EQ(AppendPayload(wal_.get(), "", {RecordKind::kSyncMark}).code(), Code::kInvalidArgument);
  EXPECT_EQ(AppendPayload(wal_.get(), "", {RecordKind::kNoop, 1, 0, 1}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(AppendPayload(wal_.get(), std::string(kMembershipBytesMax + 1, 'm'),
                          {RecordKind::kMembership})
                .code(),
            Code::kTooLarge);
  char frame[kRecordHeaderBytes + 8] = {};
  EXPECT_EQ(wal_->Append({}, frame, kRecordPayloadBytesMax + 1).code(), Code::kTooLarge);
  EXPECT_EQ(wal_->Append({RecordKind::kBatches, 1, 0, 1, 0, kSequenceMax + 1}, frame, 0).code(),
            Code::kTooLarge);
  EXPECT_EQ(wal_->last_index(), 0u);
  EXPECT_EQ(directory_.Rotate(wal_.get(), 1).code(), Code::kExists);
}

}  // namespace
}  // namespace varve
