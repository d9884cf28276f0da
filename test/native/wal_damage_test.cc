// Segments cut at every byte and with every byte changed: right, cut where nothing was synced, or
// refused.
#include <random>

#include "wal_support.h"

namespace varve {
namespace {

struct Expected {
  std::vector<std::string> payloads;  // by entry
  std::vector<uint64_t> segments;     // of each entry
  std::vector<uint64_t> ends;         // offset of the end of each entry
};

class WalDamageTest : public WalTest {
 protected:
  void Write(Slice payload, EntryToAppend entry = {}) {
    ASSERT_OK(AppendPayload(wal_.get(), payload, entry));
    expected_.payloads.emplace_back(payload);
    expected_.segments.push_back(segment_);
    expected_.ends.push_back(wal_->segment_bytes());
  }

  // Three segments of entries of every kind; synced and marked at the end of each if `sync`.
  void WriteLog(bool sync) {
    directory_.reserve_bytes = 1024;
    for (segment_ = 1; segment_ <= 3; ++segment_) {
      const std::string text = std::to_string(segment_);
      ASSERT_OK(directory_.Rotate(wal_.get(), segment_));
      Write(PutBatch("key" + text, "value"), {RecordKind::kBatches, segment_, segment_});
      ASSERT_OK(wal_->SetHardState({segment_, 1}));
      Write("members" + text, {RecordKind::kMembership, segment_});
      Write("", {RecordKind::kNoop, segment_});
      Write(BatchOf({{Kind::kTombstone, "a", "", 0}, {Kind::kPutExpiring, "b", text, 7}}) +
                PutBatch("", ""),
            {RecordKind::kBatches, segment_});
      if (!sync) continue;
      ASSERT_OK(wal_->Sync());
      ASSERT_OK(wal_->MarkSynced());
    }
    wal_.reset();
  }

  void ExpectPrefix(size_t entries, const std::string& where) {
    ASSERT_EQ(entries_.size(), entries) << where;
    for (size_t i = 0; i < entries; ++i) {
      ASSERT_EQ(entries_[i].payload, expected_.payloads[i]) << where;
      ASSERT_EQ(entries_[i].header.index, i + 1) << where;
    }
    ASSERT_EQ(result_.log.position.index, entries) << where;
  }

  // Entries before the first one that is not whole when `segment` ends at `size`.
  size_t EntriesBelow(uint64_t segment, uint64_t size) const {
    for (size_t i = 0; i < expected_.ends.size(); ++i) {
      if (expected_.segments[i] == segment && expected_.ends[i] > size) return i;
    }
    return expected_.ends.size();
  }

  void ExpectRefusal(const Status& status, const std::string& where) {
    ASSERT_EQ(status.code(), Code::kCorruption) << where << ": " << status.ToString();
    ASSERT_FALSE(status.file().empty()) << where;
    ASSERT_TRUE(status.has_offset()) << where;
  }

  uint64_t segment_ = 0;
  Expected expected_;
};

TEST_F(WalDamageTest, CutAtEveryByteWithNothingSyncedGivesThePrefix) {
  WriteLog(false);
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    const std::string path = directory_.PathOf(segment);
    std::string good;
    ASSERT_OK(fs_.Dump(path, &good));
    for (const bool zeros : {false, true}) {
      for (size_t size = 0; size < good.size(); ++size) {
        std::string cut = good.substr(0, size);
        if (zeros) cut.resize(good.size(), '\0');
        ASSERT_OK(fs_.Overwrite(path, cut));
        const std::string where = path + " at " + std::to_string(size);
        const Status status = directory_.Replay(directory_.Options(), &result_, &entries_);
        ASSERT_TRUE(status.ok()) << where << status.ToString();
        // Zeros may be what stood there, padding for one.
        const size_t entries = zeros ? entries_.size() : EntriesBelow(segment, size);
        ASSERT_GE(entries, EntriesBelow(segment, size)) << where;
        ExpectPrefix(entries, where);
        if (HasFatalFailure()) return;
      }
    }
    ASSERT_OK(fs_.Overwrite(path, good));
  }
}

TEST_F(WalDamageTest, CutBelowTheSyncedIndexRefuses) {
  WriteLog(true);
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    const std::string path = directory_.PathOf(segment);
    std::string good;
    ASSERT_OK(fs_.Dump(path, &good));
    for (size_t size = 0; size < good.size(); ++size) {
      ASSERT_OK(fs_.Overwrite(path, good.substr(0, size)));
      const std::string where = path + " at " + std::to_string(size);
      const size_t whole = EntriesBelow(segment, size);
      ReplayOptions options = directory_.Options();
      const Status status = directory_.Replay(options, &result_, &entries_);
      if (segment < 3 && whole < 12) {
        ExpectRefusal(status, where);
      } else {
        ASSERT_TRUE(status.ok()) << where << status.ToString();
        ExpectPrefix(whole, where);
      }
      options.synced_index = 10;
      if (segment == 3 && whole < 10) ExpectRefusal(directory_.Replay(options, &result_), where);
      if (segment == 3 && whole >= 10) ASSERT_OK(directory_.Replay(options, &result_));
      if (HasFatalFailure()) return;
    }
    ASSERT_OK(fs_.Overwrite(path, good));
  }
}

void FlipEveryByte(MemoryFileSystem* fs, const std::string& path, uint64_t seed,
                   const std::function<void(const std::string& where)>& check) {
  std::mt19937_64 random(seed);
  std::string good;
  ASSERT_OK(fs->Dump(path, &good));
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int mask : {0xff, 1 << (random() % 8)}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ mask);
      ASSERT_OK(fs->Overwrite(path, bad));
      check(path + " byte " + std::to_string(at) + " xor " + std::to_string(mask));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  ASSERT_OK(fs->Overwrite(path, good));
}

TEST_F(WalDamageTest, EveryByteFlippedInASyncedLogIsRightOrRefused) {
  WriteLog(true);
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    size_t refused = 0;
    FlipEveryByte(&fs_, directory_.PathOf(segment), segment, [&](const std::string& where) {
      const Status status = directory_.Replay(directory_.Options(), &result_, &entries_);
      if (!status.ok()) {
        ++refused;
        ExpectRefusal(status, where);
        return;
      }
      ExpectPrefix(12, where);
      ASSERT_EQ(result_.log.hard_state.term, 3u) << where;
      ASSERT_EQ(result_.log.index.membership(), "members3") << where;
    });
    EXPECT_GT(refused, 500u);
  }
}

TEST_F(WalDamageTest, EveryByteFlippedInAnUnsyncedLogIsAPrefix) {
  WriteLog(false);
  for (uint64_t segment = 1; segment <= 3; ++segment) {
    FlipEveryByte(&fs_, directory_.PathOf(segment), segment, [&](const std::string& where) {
      const Status status = directory_.Replay(directory_.Options(), &result_, &entries_);
      ASSERT_TRUE(status.ok()) << where << status.ToString();
      ASSERT_LE(entries_.size(), 12u) << where;
      ExpectPrefix(entries_.size(), where);
      ASSERT_GE(entries_.size(), (segment - 1) * 4) << where;
    });
  }
}

TEST_F(WalDamageTest, EveryByteFlippedInALogOfTwoTermsIsRightOrRefused) {
  directory_.reserve_bytes = 0;
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  segment_ = 1;
  for (int i = 1; i <= 8; ++i) Put("old", "x");
  ASSERT_OK(wal_->Sync());
  for (int i = 1; i <= 3; ++i)
    Write(PutBatch("old", "x"), {RecordKind::kBatches, 1, 0, 0, static_cast<uint64_t>(i)});
  Put("gone", "x");
  ASSERT_OK(wal_->Sync());
  Write(PutBatch("new", "4"), {RecordKind::kBatches, 2, 0, 0, 4});
  Write(PutBatch("new", "5"), {RecordKind::kBatches, 2});
  ASSERT_OK(wal_->Sync());
  ASSERT_OK(wal_->SetHardState({2, 2}));
  ASSERT_OK(wal_->Sync());
  ASSERT_OK(wal_->MarkSynced());
  const uint64_t first_mark = wal_->segment_bytes() - kRecordHeaderBytes;
  wal_.reset();
  size_t right = 0;
  FlipEveryByte(&fs_, directory_.PathOf(1), 1, [&](const std::string& where) {
    const Status status = directory_.Replay(directory_.Options(), &result_, &entries_);
    if (!status.ok()) return ExpectRefusal(status, where);
    ++right;
    ExpectPrefix(5, where);
    ASSERT_EQ(result_.log.hard_state.vote, 2u) << where;
  });
  EXPECT_GE(right, 2 * kRecordHeaderBytes);  // the mark itself may go
  EXPECT_GT(first_mark, 0u);
}

TEST_F(WalDamageTest, SwappedAndRepeatedRecordsAreNotAccepted) {
  WriteLog(true);
  const std::string path = directory_.PathOf(1);
  std::string good;
  ASSERT_OK(fs_.Dump(path, &good));
  // Every pair of 8-byte aligned places gets the record-sized piece of the other.
  for (size_t to = 0; to + 88 <= 700; to += 24) {
    for (size_t from = 0; from + 88 <= 700; from += 8) {
      std::string bad = good;
      bad.replace(to, 88, good.substr(from, 88));
      ASSERT_OK(fs_.Overwrite(path, bad));
      const Status status = directory_.Replay(directory_.Options(), &result_, &entries_);
      const std::string where = std::to_string(from) + " to " + std::to_string(to);
      if (status.ok()) ExpectPrefix(12, where);
      if (!status.ok()) ExpectRefusal(status, where);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(WalDamageTest, FalseRecordsAfterADamagedOneCostLittle) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  Put("a", "1");
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000001.wal", &bytes));
  const std::string header = bytes.substr(kSegmentHeaderFixedBytes, kRecordHeaderBytes);
  bytes.resize(8 << 20, '\0');
  for (size_t at = kSegmentHeaderFixedBytes; at + 72 <= bytes.size(); at += 72) {
    bytes.replace(at, 72, header);
    EncodeFixed32(&bytes[at + 4], static_cast<uint32_t>(bytes.size() - at - 72) & ~7u);
  }
  ASSERT_OK(fs_.Overwrite("/db/000001.wal", bytes));
  ExpectRefusal(directory_.Replay(directory_.Options(), &result_), "false records");
}

}  // namespace
}  // namespace varve
