// Engine: the order of writes, what is refused before it is logged, what a failure leaves behind.
#include "core/engine.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/coding.h"
#include "core/file_memory.h"
#include "core/hash.h"

namespace varve {
namespace {

// One batch of puts in a frame.
struct Frame {
  Frame(std::initializer_list<std::pair<Slice, Slice>> puts) {
    std::string operations;
    for (const auto& [key, value] : puts) {
      operations.push_back(static_cast<char>(Kind::kPut));
      PutVarint32(&operations, static_cast<uint32_t>(key.size()));
      operations.append(key);
      PutVarint32(&operations, static_cast<uint32_t>(value.size()));
      operations.append(value);
    }
    bytes.resize(kRecordHeaderBytes);
    PutFixed32(&bytes, static_cast<uint32_t>(operations.size()));
    PutFixed32(&bytes, static_cast<uint32_t>(puts.size()));
    bytes.append(operations);
    request.payload_bytes = bytes.size() - kRecordHeaderBytes;
    request.operations = static_cast<uint32_t>(puts.size());
    bytes.append(kRecordAlignment, '\0');
    request.frame = bytes.data();
    request.time_ms = 1;
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  std::string bytes;
  WriteRequest request;
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest()
      : fs_(std::make_shared<MemoryFileSystem>()),
        engine_(fs_, std::make_shared<SteppedExecutor>(0), 1 << 20),
        memtable_(std::make_shared<Memtable>(1 << 20)) {
    engine_.SetView(std::make_shared<const View>(
        memtable_, std::vector<std::shared_ptr<Memtable>>(), std::vector<View::Tables>()));
    EXPECT_TRUE(engine_.OpenWal(std::make_shared<Wal>(LogState()), 0).ok());
    EXPECT_TRUE(AddSegment(1).ok());
  }

  Status AddSegment(uint64_t number) {
    std::shared_ptr<WalSegment> segment;
    VARVE_TRY(WalSegment::Create(fs_.get(), "/" + std::to_string(number), 1 << 16, &segment));
    SegmentIdentity identity;
    identity.number = identity.life = number;
    return engine_.Rotate(segment, identity);
  }

  Status Write(const Frame& frame) {
    uint64_t memtable_bytes = 0;
    return engine_.Write(frame.request, &memtable_bytes);
  }

  std::string Read(const std::string& key) {
    LookupResult result;
    memtable_->Get({key, Hash64(key), engine_.visible_sequence()}, &result);
    return result.state == LookupResult::State::kFound ? std::string(result.value) : "-";
  }

  std::shared_ptr<MemoryFileSystem> fs_;
  Engine engine_;
  std::shared_ptr<Memtable> memtable_;
};

TEST_F(EngineTest, AWriteIsLoggedAppliedAndVisible) {
  EXPECT_TRUE(Write(Frame{{"a", "1"}, {"b", "2"}}).ok());
  EXPECT_EQ(engine_.visible_sequence(), 2u);
  EXPECT_EQ(engine_.wal()->last_index(), 1u);
  EXPECT_EQ(Read("a") + Read("b") + Read("c"), "12-");
}

TEST_F(EngineTest, ABatchThatDoesNotParseLeavesNoTrace) {
  Frame frame{{"a", "1"}};
  frame.request.operations = 2;
  EXPECT_EQ(Write(frame).code(), Code::kInvalidArgument);
  frame.request.operations = 1;
  frame.bytes[kRecordHeaderBytes + 8] = 99;
  EXPECT_EQ(Write(frame).code(), Code::kUnsupported);
  EXPECT_EQ(engine_.wal()->last_index(), 0u);
  EXPECT_EQ(memtable_->entries(), 0u);
}

TEST_F(EngineTest, QueuedWritesKeepTheirPlaceWhoeverRunsThem) {
  Frame first{{"key", "first"}}, second{{"key", "second"}}, third{{"key", "third"}};
  QueuedWrite queued_first{first.request}, queued_second{second.request};
  engine_.EnqueueWrite(&queued_first);
  engine_.EnqueueWrite(&queued_second);
  engine_.FinishWrite(&queued_first);
  EXPECT_EQ(Read("key"), "first");
  EXPECT_FALSE(queued_second.done);
  EXPECT_TRUE(Write(third).ok());
  EXPECT_TRUE(queued_second.done);
  engine_.FinishWrite(&queued_second);
  EXPECT_EQ(Read("key"), "third");
}

TEST_F(EngineTest, ACancelledWriteIsNotDone) {
  Frame frame{{"a", "1"}};
  const std::atomic<bool> cancelled{true};
  QueuedWrite queued{frame.request, &cancelled};
  engine_.EnqueueWrite(&queued);
  engine_.WaitForWrites();
  EXPECT_EQ(queued.status.code(), Code::kAborted);
  EXPECT_EQ(Read("a"), "-");
}

TEST_F(EngineTest, SetViewComesAfterWritesThatWereAskedForBefore) {
  Frame frame{{"a", "1"}};
  QueuedWrite queued{frame.request};
  engine_.EnqueueWrite(&queued);
  engine_.SetView(std::make_shared<const View>(std::make_shared<Memtable>(1 << 10),
                                               std::vector<std::shared_ptr<Memtable>>{memtable_},
                                               std::vector<View::Tables>()));
  EXPECT_EQ(memtable_->entries(), 1u);
}

TEST_F(EngineTest, AFullDiskWaitsForAnotherSegment) {
  EXPECT_TRUE(Write(Frame{{"a", "1"}}).ok());
  fs_->SetCapacity(1);
  EXPECT_EQ(Write(Frame{{"b", std::string(100'000, 'x')}}).code(), Code::kNoSpace);
  EXPECT_EQ(Read("b"), "-");
  fs_->SetCapacity(0);
  EXPECT_TRUE(AddSegment(2).ok());
  EXPECT_TRUE(Write(Frame{{"c", "3"}}).ok());
  EXPECT_EQ(Read("a") + Read("b") + Read("c"), "1-3");
}

TEST_F(EngineTest, EntriesAreAppliedWhenTold) {
  Frame frame{{"a", "1"}};
  EntryToAppend entry;
  entry.term = 3;
  entry.count = 1;
  EXPECT_TRUE(engine_.AppendEntry(entry, frame.request.frame, frame.request.payload_bytes).ok());
  EXPECT_EQ(Read("a"), "-");
  uint64_t memtable_bytes = 0;
  EXPECT_TRUE(engine_.ApplyEntries(1, 1, &memtable_bytes).ok());
  EXPECT_EQ(Read("a"), "1");
  EXPECT_EQ(engine_.ApplyEntries(2, 2, &memtable_bytes).code(), Code::kInvalidArgument);
  // Batches go on with the log's term.
  EXPECT_TRUE(Write(Frame{{"a", "2"}}).ok());
  EXPECT_EQ(engine_.wal()->position().term, 3u);
}

// For the thread sanitizer: one thread asks and reads, another does, a third syncs.
TEST_F(EngineTest, WritesFromTwoThreadsWhileAThirdSyncs) {
  constexpr int kWrites = 2000;
  std::vector<std::unique_ptr<Frame>> frames;
  std::vector<QueuedWrite> queued(kWrites);
  for (int i = 0; i < kWrites; ++i) {
    const std::string value = std::to_string(i);
    frames.push_back(
        std::make_unique<Frame>(std::initializer_list<std::pair<Slice, Slice>>{{"key", value}}));
    queued[static_cast<size_t>(i)].request = frames.back()->request;
  }
  std::atomic<size_t> asked{0};
  std::thread writer([&] {
    for (size_t i = 0; i < queued.size();) {
      if (asked.load(std::memory_order_acquire) > i) engine_.FinishWrite(&queued[i++]);
    }
  });
  std::thread syncer([&] {
    while (engine_.wal()->synced_index() < kWrites) EXPECT_TRUE(engine_.wal()->Sync().ok());
  });
  for (size_t i = 0; i < queued.size(); ++i) {
    engine_.EnqueueWrite(&queued[i]);
    asked.store(i + 1, std::memory_order_release);
    if (i % 64 != 0) continue;
    engine_.WaitForWrites();
    EXPECT_EQ(Read("key"), std::to_string(i));
  }
  writer.join();
  syncer.join();
  EXPECT_EQ(Read("key"), std::to_string(kWrites - 1));
  EXPECT_EQ(engine_.visible_sequence(), static_cast<Sequence>(kWrites));
}

}  // namespace
}  // namespace varve
