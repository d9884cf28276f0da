// Replay of whole logs: rotation, recycling, superseding, recovery's copies, and refusals by
// structure.
#include "core/crc32c.h"
#include "wal_support.h"

namespace varve {
namespace {

// Changes bytes of a record and makes its checksum right again.
void PatchRecord(MemoryFileSystem* fs, const std::string& path, uint64_t offset, size_t at,
                 char value) {
  std::string bytes;
  ASSERT_OK(fs->Dump(path, &bytes));
  bytes[offset + at] = value;
  const uint32_t payload_bytes = DecodeFixed32(&bytes[offset + 4]);
  EncodeFixed32(&bytes[offset],
                crc32c::Value(&bytes[offset + 4], kRecordHeaderBytes - 4 + payload_bytes));
  ASSERT_OK(fs->Overwrite(path, bytes));
}

TEST_F(WalTest, AnEmptyListIsANewLog) {
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_));
  EXPECT_EQ(result_.log.position.index, 0u);
  ReplayOptions options;
  options.synced_index = 1;
  EXPECT_EQ(directory_.Replay(options, &result_).code(), Code::kCorruption);
}

TEST_F(WalTest, ReplayGivesBackWhatWasAppended) {
  for (uint64_t number = 1; number <= 3; ++number) {
    ASSERT_OK(directory_.Rotate(wal_.get(), number));
    Put("k" + std::to_string(number), "v", {RecordKind::kBatches, number, number * 10});
    ASSERT_OK(wal_->SetHardState({number, number + 100}));
    ASSERT_OK(
        AppendPayload(wal_.get(), "m" + std::to_string(number), {RecordKind::kMembership, number}));
    ASSERT_OK(AppendPayload(wal_.get(), "", {RecordKind::kNoop, number}));
    ASSERT_OK(wal_->Sync());
    ASSERT_OK(wal_->MarkSynced());
  }
  const LogPosition before = wal_->position();
  wal_.reset();
  std::shared_ptr<WalSegment> prepared;
  ASSERT_OK(directory_.Prepare(4, &prepared));
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(result_.log.position.index, 9u);
  EXPECT_EQ(result_.log.position.sequence, before.sequence);
  EXPECT_EQ(result_.log.position.time_ms, 30u);
  EXPECT_EQ(result_.log.position.term, 3u);
  EXPECT_EQ(result_.log.hard_state.vote, 103u);
  EXPECT_EQ(result_.log.index.membership(), "m3");
  EXPECT_EQ(result_.log.index.membership_index(), 8u);
  EXPECT_EQ(result_.log.synced_index, 9u);
  EXPECT_EQ(result_.records, 15u);
  EXPECT_EQ(result_.operations, 3u);
  EXPECT_EQ(result_.cut_file, "");
  EXPECT_EQ(result_.unused, std::vector<std::string>{"/db/000004.wal"});
  ASSERT_EQ(entries_.size(), 9u);
  EXPECT_EQ(entries_[3].payload, PutBatch("k2", "v"));
}

TEST_F(WalTest, ReplayPassesOverWhatIsFlushed) {
  for (uint64_t number = 1; number <= 3; ++number) {
    ASSERT_OK(directory_.Rotate(wal_.get(), number));
    Put("a", std::to_string(number));
    Put("b", std::to_string(number));
  }
  ASSERT_OK(wal_->Sync());
  ReplayOptions options = directory_.Options();
  options.flushed = {3, 1, 3, 0};
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  ASSERT_EQ(entries_.size(), 3u);
  EXPECT_EQ(entries_[0].header.index, 4u);
  options.apply_to = 5;
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  EXPECT_EQ(result_.operations, 2u);
  EXPECT_EQ(result_.applied.index, 5u);
  EXPECT_EQ(entries_.size(), 3u);
  options.segments.erase(options.segments.begin());
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  EXPECT_EQ(entries_.size(), 3u);
  options.flushed = {1, 1, 1, 0};
  const Status status = directory_.Replay(options, &result_);
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.file(), "/db/000002.wal");
}

TEST_F(WalTest, ALogThatEndsBelowTheFlushedPositionIsEmpty) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  ReplayOptions options = directory_.Options();
  options.flushed = {10, 1, 20, 30};
  options.flushed_membership = "m";
  Reopen(2, options);
  EXPECT_EQ(wal_->position().sequence, 20u);
  Put("b", "2");
  EXPECT_EQ(wal_->last_index(), 11u);
  options.segments = directory_.Options().segments;
  Reopen(3, options);
  ASSERT_EQ(entries_.size(), 1u);
  EXPECT_EQ(entries_[0].header.first_sequence, 21u);
  EXPECT_EQ(result_.log.segments.size(), 0u);  // moved
  uint64_t index = 0;
  EXPECT_EQ(wal_->membership(&index), "m");
}

TEST_F(WalTest, ALogOfAnotherHistoryIsDiscarded) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 0; i < 5; ++i) Put("a", "1", {RecordKind::kBatches, 2});
  ReplayOptions options = directory_.Options();
  options.flushed = {3, 3, 9,
                     0};  // a snapshot was installed: the manifest says so, the log not yet
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  EXPECT_EQ(entries_.size(), 0u);
  EXPECT_EQ(result_.log.position.index, 3u);
  EXPECT_EQ(result_.log.position.term, 3u);
  EXPECT_NE(result_.cut_reason, "");
}

TEST_F(WalTest, AMissingSegmentIsCorruption) {
  for (uint64_t number = 1; number <= 3; ++number) {
    ASSERT_OK(directory_.Rotate(wal_.get(), number));
    Put("a", "b");
  }
  for (const size_t missing : {size_t{0}, size_t{1}}) {
    ReplayOptions options = directory_.Options();
    options.segments.erase(options.segments.begin() + static_cast<long>(missing));
    EXPECT_EQ(directory_.Replay(options, &result_).code(), Code::kCorruption) << missing;
  }
  ReplayOptions options = directory_.Options();
  options.segments[1].path = "/db/none";
  EXPECT_EQ(directory_.Replay(options, &result_).code(), Code::kCorruption);
  options = directory_.Options();
  options.segments[1].id.fill(9);
  EXPECT_EQ(directory_.Replay(options, &result_).code(), Code::kCorruption);
  options = directory_.Options();
  options.segments[2].number = 0;
  EXPECT_EQ(directory_.Replay(options, &result_).code(), Code::kInvalidArgument);
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000003.wal", &bytes));
  ASSERT_OK(fs_.Overwrite("/db/000002.wal", bytes));  // 3 under the name of 2
  EXPECT_EQ(directory_.Replay(directory_.Options(), &result_).code(), Code::kCorruption);
}

TEST_F(WalTest, ARecycledSegmentKeepsNothingOfItsFormerUse) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 0; i < 20; ++i) Put("former", "use");
  ASSERT_OK(directory_.Rotate(wal_.get(), 2));
  Put("a", "1");
  ASSERT_OK(wal_->Sync());
  ASSERT_EQ(wal_->DropBefore(20).size(), 1u);
  ASSERT_OK(fs_.Rename("/db/000001.wal", "/db/000003.wal"));
  ASSERT_OK(fs_.SyncDirectory("/db"));
  ReplayOptions options = directory_.Options();
  options.flushed = {20, 1, 20, 0};
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));  // not begun: the old header is seen
  EXPECT_EQ(entries_.size(), 1u);
  EXPECT_EQ(result_.unused, std::vector<std::string>{"/db/000003.wal"});
  std::shared_ptr<WalSegment> segment;
  ASSERT_OK(WalSegment::Recycle(&fs_, "/db/000003.wal", 4096, &segment));
  ASSERT_OK(wal_->Rotate(segment, directory_.IdentityOf(3)));
  options.segments = directory_.Options().segments;
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  EXPECT_EQ(entries_.size(), 1u);
  Put("b", "2");
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  EXPECT_EQ(PayloadsOf(entries_),
            (std::vector<std::string>{PutBatch("a", "1"), PutBatch("b", "2")}));
  EXPECT_EQ(result_.cut_file, "");
}

TEST_F(WalTest, ASegmentMayGrowOverItsReserve) {
  directory_.reserve_bytes = 256;
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 0; i < 50; ++i) Put("a", std::string(100, 'v'));
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(entries_.size(), 50u);
}

TEST_F(WalTest, SupersededEntriesAreNeverSeen) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  for (int i = 1; i <= 6; ++i) Put("old", std::to_string(i), {RecordKind::kBatches, 1});
  ASSERT_OK(AppendPayload(wal_.get(), "gone", {RecordKind::kMembership, 1}));
  ASSERT_OK(wal_->Sync());
  Put("new", "4", {RecordKind::kBatches, 2, 0, 0, 4});
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  ASSERT_EQ(entries_.size(), 4u);
  EXPECT_EQ(entries_[3].payload, PutBatch("new", "4"));
  EXPECT_EQ(result_.log.synced_index, 3u);
  EXPECT_EQ(result_.log.index.membership(), "");
  // Across a rotation, twice, and truncated before it.
  Put("new", "5", {RecordKind::kBatches, 2});
  ASSERT_OK(wal_->TruncateAfter(2));
  ASSERT_OK(directory_.Rotate(wal_.get(), 2));
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(entries_.size(), 5u);  // a truncation alone is not on disk
  Put("newer", "3", {RecordKind::kBatches, 3});
  Put("newer", "4", {RecordKind::kBatches, 3});
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  ASSERT_EQ(entries_.size(), 4u);
  EXPECT_EQ(entries_[1].payload, PutBatch("old", "2"));
  EXPECT_EQ(entries_[2].payload, PutBatch("newer", "3"));
  uint64_t term = 0;
  ASSERT_OK(result_.log.index.Term(2, &term));
  EXPECT_EQ(term, 1u);
}

TEST_F(WalTest, UnknownKindsAndVersionsRefuse) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  std::string good;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &good));
  const uint64_t offset = kSegmentHeaderFixedBytes;
  const std::vector<std::pair<size_t, char>> patches = {
      {8, 6}, {9, 2}, {10, 1}, {kRecordHeaderBytes + 8, 6}};
  for (const auto& [at, value] : patches) {
    ASSERT_OK(fs_.Overwrite("/db/000001.wal", good));
    PatchRecord(&fs_, "/db/000001.wal", offset, at, value);
    const Status status = directory_.Replay(directory_.Options(), &result_);
    EXPECT_EQ(status.code(), Code::kUnsupported) << at;
    EXPECT_EQ(status.file(), "/db/000001.wal");
    EXPECT_EQ(status.offset(), offset);
  }
}

TEST_F(WalTest, AHugeLengthIsNotBelieved) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &bytes));
  for (const uint32_t length : {0xffffffffu, 0x40000000u, 4096u}) {
    EncodeFixed32(&bytes[kSegmentHeaderFixedBytes + 4], length);
    ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
    ASSERT_OK(directory_.Replay(directory_.Options(), &result_));
    EXPECT_EQ(result_.records, 0u);
    EXPECT_EQ(result_.cut_offset, kSegmentHeaderFixedBytes);
  }
}

TEST_F(WalTest, DescribeShowsEveryRecord) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  ASSERT_OK(AppendPayload(wal_.get(), BatchOf({{Kind::kPut, "a\x01\"", "12", 0},
                                               {Kind::kPutExpiring, "b", "1", 5},
                                               {Kind::kTombstone, std::string(40, 'k'), "", 0},
                                               {Kind::kRangeTombstone, "c", "d", 0},
                                               {Kind::kExpire, "e", "", 6}})));
  ASSERT_OK(wal_->SetHardState({2, 3}));
  ASSERT_OK(AppendPayload(wal_.get(), "m", {RecordKind::kMembership}));
  const uint64_t torn = wal_->segment_bytes();
  Put("torn", "t");
  Put("later", "l");
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &bytes));
  bytes[torn + 20] ^= 1;
  ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
  std::string text;
  ASSERT_OK(DescribeSegment(&fs_, "/db/000001.wal",
                            [&](const std::string& line) { text += line + "\n"; }));
  EXPECT_NE(text.find("segment 1 life"), std::string::npos) << text;
  EXPECT_NE(
      text.find(
          "sequence 1-5 time 0 synced 0/0: put \"a\\x01\\x22\" 2 B; put \"b\" 1 B expires 5; "
          "tombstone \"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\"…; range-tombstone \"c\" .. \"d\"; …"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("term 2 vote 3"), std::string::npos) << text;
  EXPECT_NE(text.find("a valid record after the end"), std::string::npos) << text;
  EXPECT_NE(text.find("put \"later\""), std::string::npos) << text;
  EXPECT_EQ(text.find("put \"torn\""), std::string::npos) << text;
}

}  // namespace
}  // namespace varve
