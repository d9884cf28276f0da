#include <random>

#include "core/crc32c.h"
#include "wal_support.h"

namespace varve {
namespace {

SegmentHeader SomeHeader() {
  SegmentHeader header;
  for (size_t i = 0; i < header.identity.id.size(); ++i)
    header.identity.id[i] = static_cast<uint8_t>(i);
  header.identity.life = 11;
  header.identity.number = 12;
  header.previous = {13, 14, 15, 16};
  header.synced_index = 17;
  header.hard_state = {18, 19, 20};
  header.follows = {21, 22, 23};
  header.membership = "a, b, c";
  return header;
}

TEST(WalFormat, SegmentHeaderRoundTrips) {
  const std::string bytes = EncodeSegmentHeader(SomeHeader());
  ASSERT_EQ(bytes.size(), kSegmentHeaderFixedBytes + 8);
  SegmentHeader header;
  HeaderState state;
  ASSERT_OK(DecodeSegmentHeader(bytes, &header, &state));
  ASSERT_EQ(state, HeaderState::kValid);
  EXPECT_EQ(header.identity.id, SomeHeader().identity.id);
  EXPECT_EQ(header.identity.life, 11u);
  EXPECT_EQ(header.previous.time_ms, 16u);
  EXPECT_EQ(header.hard_state.vote, 19u);
  EXPECT_EQ(header.hard_state.commit, 20u);
  EXPECT_EQ(header.follows.synced_bytes, 23u);
  EXPECT_EQ(EncodeSegmentHeader(header), bytes);
}

TEST(WalFormat, EveryDamagedByteOfASegmentHeaderShows) {
  const std::string bytes = EncodeSegmentHeader(SomeHeader());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(~damaged[i]);
    SegmentHeader header;
    HeaderState state;
    ASSERT_OK(DecodeSegmentHeader(damaged, &header, &state));
    EXPECT_EQ(state, HeaderState::kInvalid) << i;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    SegmentHeader header;
    HeaderState state;
    ASSERT_OK(DecodeSegmentHeader(bytes.substr(0, size), &header, &state));
    EXPECT_EQ(state, size == 0 ? HeaderState::kBlank : HeaderState::kInvalid) << size;
  }
}

TEST(WalFormat, ZerosAreABlankHeader) {
  SegmentHeader header;
  HeaderState state;
  ASSERT_OK(DecodeSegmentHeader(std::string(4096, '\0'), &header, &state));
  EXPECT_EQ(state, HeaderState::kBlank);
}

TEST(WalFormat, ANewerSegmentHeaderIsUnsupported) {
  std::string bytes = EncodeSegmentHeader(SomeHeader());
  EncodeFixed32(&bytes[12], 2);
  EncodeFixed32(&bytes[8], crc32c::Value(bytes.data() + 12, bytes.size() - 12));
  SegmentHeader header;
  HeaderState state;
  EXPECT_EQ(DecodeSegmentHeader(bytes, &header, &state).code(), Code::kUnsupported);
}

TEST(WalFormat, RecordRoundTrips) {
  RecordHeader header;
  header.kind = RecordKind::kBatches;
  header.payload_bytes = 5;
  header.count = 2;
  header.life = 3;
  header.term = 4;
  header.index = 5;
  header.first_sequence = 6;
  header.time_ms = 7;
  header.synced_index = 8;
  header.synced_bytes = 9;
  std::string frame = FrameOf("hello");
  SealRecord(header, frame.data());
  ASSERT_EQ(frame.size(), 80u);
  EXPECT_EQ(frame.substr(77), std::string(3, '\0'));
  EXPECT_EQ(RecordCrc(frame.data()), ComputeRecordCrc(frame.data(), "hello"));
  const RecordHeader read = DecodeRecordHeader(frame.data());
  EXPECT_EQ(read.kind, RecordKind::kBatches);
  EXPECT_EQ(read.count, 2u);
  EXPECT_EQ(read.last_sequence(), 7u);
  EXPECT_EQ(read.synced_bytes, 9u);
  EXPECT_OK(CheckRecordKnown(frame.data()));
  frame[8] = 6;
  EXPECT_EQ(CheckRecordKnown(frame.data()).code(), Code::kUnsupported);
}

TEST(WalOperations, TheExampleOfTheFormat) {
  const std::string batch = BatchOf({{Kind::kPut, "a", "1", 0}, {Kind::kTombstone, "b", "", 0}});
  EXPECT_EQ(batch, std::string("\x08\0\0\0\x02\0\0\0\x01\x01"
                               "a\x01"
                               "1\x03\x01"
                               "b",
                               16));
}

TEST(WalOperations, AllKindsRoundTrip) {
  const std::vector<Operation> operations = {{Kind::kPut, "a", "1", 0},
                                             {Kind::kPutExpiring, "b", "", 77},
                                             {Kind::kTombstone, "", "", 0},
                                             {Kind::kRangeTombstone, "c", "d", 0},
                                             {Kind::kExpire, "e", "", 78}};
  const std::string payload = BatchOf(operations) + BatchOf({}) + BatchOf(operations);
  OperationReader reader(payload);
  Operation read;
  for (size_t i = 0; i < 2 * operations.size(); ++i) {
    ASSERT_TRUE(reader.Next(&read)) << reader.status().ToString();
    const Operation& wanted = operations[i % operations.size()];
    EXPECT_EQ(read.kind, wanted.kind);
    EXPECT_EQ(read.key, wanted.key);
    EXPECT_EQ(read.value, wanted.value);
    EXPECT_EQ(read.expires_at, wanted.expires_at);
  }
  EXPECT_FALSE(reader.Next(&read));
  EXPECT_OK(reader.status());
  EXPECT_EQ(reader.read(), 10u);
}

TEST(WalOperations, CutPayloadsAreNeverRead) {
  const std::string payload =
      BatchOf({{Kind::kPut, "key", "value", 0}, {Kind::kExpire, "k", "", 1}});
  for (size_t size = 1; size < payload.size(); ++size) {
    uint64_t operations = 0;
    const std::string cut = payload.substr(0, size);
    EXPECT_EQ(CheckBatches(cut, &operations).code(), Code::kCorruption) << size;
    std::string shorter = cut;
    if (size >= 8) EncodeFixed32(shorter.data(), static_cast<uint32_t>(size - 8));
    EXPECT_EQ(CheckBatches(shorter, &operations).code(), Code::kCorruption) << size;
  }
}

TEST(WalOperations, UnknownKindsAreUnsupported) {
  std::string payload = PutBatch("a", "b");
  payload[8] = 6;
  uint64_t operations = 0;
  EXPECT_EQ(CheckBatches(payload, &operations).code(), Code::kUnsupported);
  const std::string long_key(kKeyBytesMax + 1, 'k');
  EXPECT_EQ(CheckBatches(PutBatch(long_key, ""), &operations).code(), Code::kTooLarge);
  const std::string range = BatchOf({{Kind::kRangeTombstone, "a", long_key, 0}});
  EXPECT_EQ(CheckBatches(range, &operations).code(), Code::kTooLarge);
}

TEST(WalOperations, RandomBytesNeverReadBeyondThePayload) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 100000; ++round) {
    std::string payload =
        BatchOf({{Kind::kPut, "abc", "defgh", 0}, {Kind::kPutExpiring, "k", "v", 9}});
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < changes; ++i)
      payload[random() % payload.size()] = static_cast<char>(random());
    const std::vector<char> exact(payload.begin(), payload.end());
    uint64_t operations = 0;
    (void)CheckBatches(Slice(exact.data(), exact.size()), &operations);
    EXPECT_LE(operations, payload.size());
  }
}

}  // namespace
}  // namespace varve
