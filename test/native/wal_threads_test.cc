// Appending on one thread while another syncs and a third reads.
#include <atomic>
#include <thread>

#include "wal_support.h"

namespace varve {
namespace {

TEST_F(WalTest, AppendSyncAndReadAtOnce) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  std::atomic<bool> done{false};
  std::thread syncs([&] {
    while (!done.load()) {
      const uint64_t before = wal_->last_index();
      EXPECT_OK(wal_->Sync());
      EXPECT_GE(wal_->synced_index(), before);
    }
  });
  std::thread reads([&] {
    std::string records;
    while (!done.load()) {
      const uint64_t last = wal_->last_index();
      if (last == 0) continue;
      EXPECT_OK(wal_->Read(std::max<uint64_t>(1, last - last % 7), 1000, &records));
      uint64_t term = 0;
      EXPECT_OK(wal_->Term(last, &term));
      EXPECT_GE(wal_->position().index, last);
      (void)wal_->needs_sync();
      (void)wal_->poison();
    }
  });
  for (uint64_t i = 1; i <= 5000; ++i) {
    if (i % 1000 == 0) EXPECT_OK(directory_.Rotate(wal_.get(), 1 + i / 1000));
    Put("key" + std::to_string(i), std::string(i % 100, 'v'));
    if (i % 97 == 0) EXPECT_OK(wal_->SetHardState({1, i}));
  }
  done = true;
  syncs.join();
  reads.join();
  ASSERT_OK(wal_->Sync());
  EXPECT_EQ(wal_->synced_index(), 5000u);
  wal_.reset();
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
  EXPECT_EQ(entries_.size(), 5000u);
}

TEST_F(WalTest, ATruncationIsNotUndoneByASyncUnderWay) {
  ASSERT_OK(directory_.Rotate(wal_.get(), 1));
  std::atomic<bool> done{false};
  std::thread syncs([&] {
    while (!done.load()) EXPECT_OK(wal_->Sync());
  });
  uint64_t term = 1;
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < 5; ++i) Put("a", "b", {RecordKind::kBatches, term});
    const uint64_t kept = wal_->last_index() - 3;
    ASSERT_OK(wal_->TruncateAfter(kept));
    ASSERT_LE(wal_->synced_index(), kept);
    ++term;
  }
  done = true;
  syncs.join();
  EXPECT_EQ(wal_->last_index(), 1000u);
  ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
}

}  // namespace
}  // namespace varve
