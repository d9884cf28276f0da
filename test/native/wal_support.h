// What the wal's tests share: batches, and a database's side of a log on a memory disk.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/coding.h"
#include "core/file_memory.h"
#include "core/record_reader.h"
#include "core/wal.h"
#include "core/wal_replay.h"

namespace varve {

#define ASSERT_OK(expression)                              \
  do {                                                     \
    const ::varve::Status ok_status_ = (expression);       \
    ASSERT_TRUE(ok_status_.ok()) << ok_status_.ToString(); \
  } while (false)
#define EXPECT_OK(expression)                              \
  do {                                                     \
    const ::varve::Status ok_status_ = (expression);       \
    EXPECT_TRUE(ok_status_.ok()) << ok_status_.ToString(); \
  } while (false)

inline std::string BatchOf(const std::vector<Operation>& operations) {
  std::string bytes;
  for (const Operation& operation : operations) {
    bytes += static_cast<char>(operation.kind);
    PutVarint32(&bytes, static_cast<uint32_t>(operation.key.size()));
    bytes += operation.key;
    if (operation.kind == Kind::kPutExpiring || operation.kind == Kind::kExpire) {
      PutFixed64(&bytes, operation.expires_at);
    }
    if (!IsTombstone(operation.kind)) {
      PutVarint32(&bytes, static_cast<uint32_t>(operation.value.size()));
      bytes += operation.value;
    }
  }
  std::string batch;
  PutFixed32(&batch, static_cast<uint32_t>(bytes.size()));
  PutFixed32(&batch, static_cast<uint32_t>(operations.size()));
  return batch + bytes;
}

inline std::string PutBatch(Slice key, Slice value) {
  return BatchOf({{Kind::kPut, key, value, 0}});
}

inline std::string FrameOf(Slice payload) {
  std::string frame(RecordBytes(payload.size()), '\xee');
  frame.replace(kRecordHeaderBytes, payload.size(), payload);
  return frame;
}

inline Status AppendPayload(Wal* wal, Slice payload, EntryToAppend entry = {}) {
  std::string frame = FrameOf(payload);
  if (entry.kind == RecordKind::kBatches && entry.count == 0) {
    uint64_t operations = 0;
    VARVE_TRY(CheckBatches(payload, &operations));
    entry.count = static_cast<uint32_t>(operations);
  }
  return wal->Append(entry, frame.data(), payload.size());
}

struct SeenEntry {
  RecordHeader header;
  std::string payload;
};

inline std::vector<std::string> PayloadsOf(const std::vector<SeenEntry>& entries) {
  std::vector<std::string> payloads;
  for (const SeenEntry& entry : entries) payloads.push_back(entry.payload);
  return payloads;
}

// A directory with the segments of one log, used as recovery would.
class WalDirectory {
 public:
  explicit WalDirectory(FileSystem* fs, std::string directory = "/db")
      : fs_(fs), directory_(std::move(directory)) {}

  std::string PathOf(uint64_t number) const {
    char name[32];
    std::snprintf(name, sizeof name, "/%06llu.wal", static_cast<unsigned long long>(number));
    return directory_ + name;
  }
  SegmentIdentity IdentityOf(uint64_t number, uint64_t salt = 0) const {
    SegmentIdentity identity;
    identity.id.fill(static_cast<uint8_t>(number));
    identity.number = number;
    identity.life = 0x5eed0000 + number * 1000003 + salt;
    return identity;
  }

  Status Prepare(uint64_t number, std::shared_ptr<WalSegment>* segment) {
    VARVE_TRY(WalSegment::Create(fs_, PathOf(number), reserve_bytes, segment));
    return fs_->SyncDirectory(directory_);
  }
  Status Rotate(Wal* wal, uint64_t number) {
    std::shared_ptr<WalSegment> segment;
    VARVE_TRY(Prepare(number, &segment));
    return wal->Rotate(segment, IdentityOf(number));
  }

  ReplayOptions Options() const {
    ReplayOptions options;
    std::vector<std::string> names;
    EXPECT_TRUE(fs_->List(directory_, &names).ok());
    std::vector<uint64_t> numbers;
    for (const std::string& name : names) {
      if (name.size() == 10 && name.substr(6) == ".wal") numbers.push_back(std::stoull(name));
    }
    std::sort(numbers.begin(), numbers.end());
    for (const uint64_t number : numbers)
      options.segments.push_back({PathOf(number), number, {}, 0});
    return options;
  }
  Status Replay(const ReplayOptions& options, ReplayResult* result,
                std::vector<SeenEntry>* entries = nullptr) const {
    ReplayVisitor visitor;
    if (entries != nullptr) {
      entries->clear();
      visitor = [entries](Slice record, const RecordHeader& header) {
        entries->push_back(
            {header, std::string(record.substr(kRecordHeaderBytes, header.payload_bytes))});
        return Status::Ok();
      };
    }
    return ReplayWal(fs_, options, nullptr, visitor, result);
  }

  uint64_t reserve_bytes = 4096;

 private:
  FileSystem* fs_;
  std::string directory_;
};

class WalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(fs_.MakeDirectory("/db"));
    ASSERT_OK(fs_.SyncDirectory("/"));
    wal_ = std::make_unique<Wal>(LogState{});
  }
  void Put(Slice key, Slice value, EntryToAppend entry = {}) {
    ASSERT_OK(AppendPayload(wal_.get(), PutBatch(key, value), entry));
  }
  // Replays what is on the disk and goes on from there.
  void Reopen(uint64_t number, ReplayOptions options) {
    wal_.reset();
    ASSERT_OK(directory_.Replay(options, &result_, &entries_));
    wal_ = std::make_unique<Wal>(std::move(result_.log));
    std::shared_ptr<WalSegment> segment;
    ASSERT_OK(directory_.Prepare(number, &segment));
    ASSERT_OK(wal_->Restart(segment, directory_.IdentityOf(number), options.flushed.index,
                            &superfluous_));
    ASSERT_EQ(wal_->synced_index(), wal_->last_index());
  }

  MemoryFileSystem fs_;
  WalDirectory directory_{&fs_};
  std::unique_ptr<Wal> wal_;
  ReplayResult result_;
  std::vector<SeenEntry> entries_;
  std::vector<std::string> superfluous_;
};

}  // namespace varve
