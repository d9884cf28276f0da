#include "core/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/status.h"

namespace varve::crc32c {
namespace {

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(Value("", 0), 0u);
  EXPECT_EQ(Value("123456789", 9), 0xe3069283u);
  EXPECT_EQ(Value(std::string(32, '\0').data(), 32), 0x8a9136aau);
  EXPECT_EQ(Value(std::string(32, '\xff').data(), 32), 0x62a8ab43u);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  EXPECT_EQ(Value(ascending.data(), 32), 0x46dd794eu);
}

TEST(Crc32c, EverySizeAndAlignmentAsInSoftware) {
  std::mt19937_64 random(1);
  std::string bytes(20000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t size = 0; size < 2000; ++size) {
    const char* const from = bytes.data() + size % 11;
    const auto crc = static_cast<uint32_t>(random());
    ASSERT_EQ(Extend(crc, from, size), ExtendSoftware(crc, from, size)) << "size " << size;
  }
  for (size_t size = 4000; size < 19900; size += 37) {
    ASSERT_EQ(Value(bytes.data(), size), ExtendSoftware(0, bytes.data(), size)) << "size " << size;
  }
}

TEST(Crc32c, ExtendsInAnySplit) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>(i * 7));
  const uint32_t whole = Value(bytes.data(), bytes.size());
  for (size_t split = 0; split <= bytes.size(); split += 13) {
    const uint32_t front = Value(bytes.data(), split);
    ASSERT_EQ(Extend(front, bytes.data() + split, bytes.size() - split), whole);
  }
}

TEST(Crc32c, SeedTellsFileKindAndOffsetApart) {
  FileId one{}, other{};
  other[15] = 1;
  const uint32_t crc = Seed(one).Of(1, 4096, "bytes", 5);
  EXPECT_EQ(crc, Seed(one).Of(1, 4096, "bytes", 5));
  EXPECT_NE(crc, Seed(other).Of(1, 4096, "bytes", 5));
  EXPECT_NE(crc, Seed(one).Of(2, 4096, "bytes", 5));
  EXPECT_NE(crc, Seed(one).Of(1, 4097, "bytes", 5));
  EXPECT_NE(crc, Seed(one).Of(1, 4096, "bytez", 5));
}

TEST(Crc32c, SeedIsTheChecksumOfIdentityKindOffsetAndBytes) {
  FileId id{};
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(i + 1);
  std::string covered(reinterpret_cast<const char*>(id.data()), id.size());
  covered += std::string("\x07\x00\x10\x00\x00\x00\x00\x00\x00", 9);
  covered += "payload";
  EXPECT_EQ(Seed(id).Of(7, 4096, "payload", 7), ExtendSoftware(0, covered.data(), covered.size()));
}

}  // namespace
}  // namespace varve::crc32c
