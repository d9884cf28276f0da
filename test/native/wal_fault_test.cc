// Every call to the disk fails once: what had been synced stays, nothing wrong is read, the class
// is right.
#include "wal_support.h"

namespace varve {
namespace {

class WalFaultTest : public WalTest {
 protected:
  std::string PayloadOf(uint64_t i) {
    return PutBatch("key" + std::to_string(i), std::string(i * 37 % 900, 'v'));
  }

  Status RotateOnce() {
    const uint64_t number = ++number_;
    std::shared_ptr<WalSegment> segment;
    VARVE_TRY(WalSegment::Create(&fs_, directory_.PathOf(number), 4096, &segment));
    VARVE_TRY(fs_.SyncDirectory("/db"));
    return wal_->Rotate(segment, directory_.IdentityOf(number));
  }

  // Twelve entries in three segments, synced by threes. Stops at the first error but for no space.
  Status WriteLog() {
    for (uint64_t i = 1; i <= 12; ++i) {
      if (i % 4 == 1) VARVE_TRY(RotateOnce());
      Status status = AppendPayload(wal_.get(), PayloadOf(i));
      if (status.code() == Code::kNoSpace && wal_->poison().ok()) {
        VARVE_TRY(RotateOnce());
        status = AppendPayload(wal_.get(), PayloadOf(i));
      }
      VARVE_TRY(status);
      written_ = i;
      if (i % 3 != 0) continue;
      VARVE_TRY(wal_->Sync());
      synced_ = i;
      VARVE_TRY(wal_->MarkSynced());
    }
    return Status::Ok();
  }

  void CheckLog(const std::string& where) {
    ASSERT_OK(directory_.Replay(directory_.Options(), &result_, &entries_));
    ASSERT_GE(entries_.size(), synced_) << where;
    ASSERT_LE(entries_.size(), written_ + 1) << where;
    for (size_t i = 0; i < entries_.size(); ++i)
      ASSERT_EQ(entries_[i].payload, PayloadOf(i + 1)) << where;
  }

  uint64_t number_ = 0, written_ = 0, synced_ = 0;
};

TEST_F(WalFaultTest, AnyWriteSyncOrReservationMayFail) {
  constexpr uint32_t kOperations = 1 | 4 | 8 | 16 | 64;
  for (const int os_error : {EIO, ENOSPC}) {
    for (const bool forever : {false, true}) {
      bool failed = true;
      for (uint64_t call = 1; failed; ++call) {
        wal_ = std::make_unique<Wal>(LogState{});
        const std::string where =
            "errno " + std::to_string(os_error) + " at call " + std::to_string(call);
        number_ = written_ = synced_ = 0;
        FaultPlan faults;
        faults.at_call = call;
        faults.forever = forever;
        faults.os_error = os_error;
        faults.short_write = call % 2 == 0;
        faults.operations = kOperations;
        fs_.SetFaults(faults);
        const Status status = WriteLog();
        failed = fs_.calls() >= call;
        fs_.SetFaults({});
        ASSERT_TRUE(!failed || os_error != EIO || status.code() == Code::kIoError) << where;
        if (!status.ok() && !wal_->poison().ok()) {
          ASSERT_EQ(AppendPayload(wal_.get(), PayloadOf(1)).ToString(), wal_->poison().ToString());
          ASSERT_EQ(wal_->Sync().ToString(), wal_->poison().ToString());
        }
        wal_.reset();
        call % 3 == 0 ? fs_.Kill() : fs_.Crash(call);
        CheckLog(where);
        if (HasFatalFailure()) return;
        for (const ReplaySegment& segment : directory_.Options().segments)
          ASSERT_OK(fs_.Unlink(segment.path));
        ASSERT_OK(fs_.SyncDirectory("/db"));
      }
    }
  }
}

TEST_F(WalFaultTest, AFailedReadIsNeverTakenForTheEnd) {
  ASSERT_OK(WriteLog());
  wal_.reset();
  bool failed = true;
  for (uint64_t call = 1; failed; ++call) {
    const ReplayOptions options = directory_.Options();
    FaultPlan faults;
    faults.at_call = call;
    faults.operations = 1 | 2;
    fs_.SetFaults(faults);
    const Status status = directory_.Replay(options, &result_, &entries_);
    failed = fs_.calls() >= call;
    fs_.SetFaults({});
    if (failed) {
      ASSERT_EQ(status.code(), Code::kIoError) << call << status.ToString();
      ASSERT_FALSE(status.file().empty());
    } else {
      ASSERT_OK(status);
      ASSERT_EQ(entries_.size(), 12u);
    }
  }
}

TEST_F(WalFaultTest, AFullDiskResumesOnANewSegment) {
  ASSERT_OK(RotateOnce());
  ASSERT_OK(AppendPayload(wal_.get(), PayloadOf(1)));
  ASSERT_OK(wal_->Sync());
  FaultPlan faults;
  faults.at_call = 1;
  faults.forever = true;
  faults.os_error = ENOSPC;
  faults.operations = 4 | 16;
  fs_.SetFaults(faults);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(AppendPayload(wal_.get(), PayloadOf(2)).code(), Code::kNoSpace);
    EXPECT_EQ(RotateOnce().code(), Code::kNoSpace);
  }
  EXPECT_OK(wal_->Sync());
  fs_.SetFaults({});
  EXPECT_EQ(AppendPayload(wal_.get(), PayloadOf(2)).code(), Code::kNoSpace);
  ASSERT_OK(RotateOnce());
  ASSERT_OK(AppendPayload(wal_.get(), PayloadOf(2)));
  ASSERT_OK(wal_->Sync());
  synced_ = written_ = 2;
  wal_.reset();
  fs_.Crash(0);
  CheckLog("resumed");
}

}  // namespace
}  // namespace varve
