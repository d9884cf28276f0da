#include "core/coding.h"

#include <gtest/gtest.h>

#include <vector>

namespace varve {
namespace {

std::vector<uint64_t> Edges() {
  std::vector<uint64_t> values = {0, 1};
  for (int bit = 1; bit < 64; ++bit) {
    const uint64_t power = uint64_t{1} << bit;
    values.insert(values.end(), {power - 1, power, power + 1});
  }
  values.push_back(UINT64_MAX);
  return values;
}

TEST(Coding, FixedIsLittleEndian) {
  std::string bytes;
  PutFixed16(&bytes, 0x0201);
  PutFixed32(&bytes, 0x06050403);
  PutFixed64(&bytes, 0x0e0d0c0b0a090807);
  EXPECT_EQ(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e");
  Slice rest(bytes);
  rest.remove_prefix(2);
  uint32_t value32 = 0;
  uint64_t value64 = 0;
  ASSERT_TRUE(GetFixed32(&rest, &value32));
  ASSERT_TRUE(GetFixed64(&rest, &value64));
  EXPECT_EQ(value32, 0x06050403u);
  EXPECT_EQ(value64, 0x0e0d0c0b0a090807u);
  EXPECT_FALSE(GetFixed32(&rest, &value32));
  EXPECT_FALSE(GetFixed64(&rest, &value64));
}

TEST(Coding, VarintsComeBack) {
  for (const uint64_t value : Edges()) {
    std::string bytes;
    PutVarint64(&bytes, value);
    EXPECT_EQ(bytes.size(), static_cast<size_t>(VarintLength(value)));
    Slice rest(bytes);
    uint64_t got = 0;
    ASSERT_TRUE(GetVarint64(&rest, &got));
    EXPECT_EQ(got, value);
    EXPECT_TRUE(rest.empty());
    uint32_t got32 = 0;
    rest = bytes;
    EXPECT_EQ(GetVarint32(&rest, &got32), value <= UINT32_MAX) << value;
    if (value <= UINT32_MAX) {
      EXPECT_EQ(got32, value);
      char buffer[kVarint32BytesMax];
      char* const end = EncodeVarint32(buffer, static_cast<uint32_t>(value));
      EXPECT_EQ(Slice(buffer, static_cast<size_t>(end - buffer)), bytes);
    }
  }
}

TEST(Coding, ShortVarintsAreRefusedAndLeaveTheInput) {
  for (const uint64_t value : Edges()) {
    std::string bytes;
    PutVarint64(&bytes, value);
    for (size_t size = 0; size < bytes.size(); ++size) {
      Slice rest(bytes.data(), size);
      uint64_t got = 0;
      uint32_t got32 = 0;
      EXPECT_FALSE(GetVarint64(&rest, &got));
      EXPECT_FALSE(GetVarint32(&rest, &got32));
      EXPECT_EQ(rest.size(), size);
    }
  }
}

TEST(Coding, OverlongVarintsAreRefused) {
  uint64_t value64 = 0;
  uint32_t value32 = 0;
  Slice eleven("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
  EXPECT_FALSE(GetVarint64(&eleven, &value64));
  Slice bit64("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 10);
  EXPECT_FALSE(GetVarint64(&bit64, &value64));
  Slice bit32("\x80\x80\x80\x80\x10", 5);
  EXPECT_FALSE(GetVarint32(&bit32, &value32));
  Slice six("\x80\x80\x80\x80\x80\x01", 6);
  EXPECT_FALSE(GetVarint32(&six, &value32));
  EXPECT_EQ(six.size(), 6u);
}

TEST(Coding, LengthPrefixed) {
  std::string bytes;
  PutLengthPrefixed(&bytes, "");
  PutLengthPrefixed(&bytes, "key");
  PutLengthPrefixed(&bytes, std::string(300, 'v'));
  Slice rest(bytes), value;
  ASSERT_TRUE(GetLengthPrefixed(&rest, &value));
  EXPECT_EQ(value, "");
  ASSERT_TRUE(GetLengthPrefixed(&rest, &value));
  EXPECT_EQ(value, "key");
  Slice cut = rest.substr(0, rest.size() - 1);
  const Slice before = cut;
  EXPECT_FALSE(GetLengthPrefixed(&cut, &value));
  EXPECT_EQ(cut, before);
  ASSERT_TRUE(GetLengthPrefixed(&rest, &value));
  EXPECT_EQ(value, std::string(300, 'v'));
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace varve
