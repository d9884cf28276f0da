#include "core/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace varve {
namespace {

std::string Decimal(uint64_t number, int width) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%0*llu", width, static_cast<unsigned long long>(number));
  return digits;
}

TEST(Hash, GoldenValues) {
  const struct {
    std::string key;
    uint64_t hash;
  } golden[] = {
      {"", 0x8e96060d57c9a260},
      {"a", 0x0ed91b8fa1202523},
      {"ab", 0xef398be714663f32},
      {"abc", 0xdd6fee75c06b3945},
      {"varve", 0xb675e442ea9ce3b2},
      {"sediment", 0x8859eb83e3402b67},
      {"0000000000123456", 0x68fd75d865cc29c2},
      {"\x01"
       "0000000000123456",
       0xa2a3003db478e512},
      {"user:1234567890:profile:avatar", 0x1e1bf0f96f1f1fc1},
      {"a key of more than thirty-two bytes, hashed in two lanes", 0x0420e6f10c3b6e71},
      {std::string(1000, 'v'), 0xc1c8275bee1555c2},
  };
  for (const auto& [key, hash] : golden) EXPECT_EQ(Hash64(key), hash) << '"' << key << '"';
  // Every size class at once: a hash of the hashes of all sizes.
  std::string bytes, hashes;
  for (int size = 0; size <= 300; ++size) {
    const uint64_t hash = Hash64(bytes);
    hashes.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
    bytes.push_back(static_cast<char>(size * 131 + 17));
  }
  EXPECT_EQ(Hash64(hashes), 0x8d338ee4205220a2u);
}

TEST(Hash, ReadsNothingBeyondTheKey) {
  for (size_t size = 0; size <= 100; ++size) {
    // An exact heap block each, for the address sanitizer.
    const std::vector<char> exact(size, 'x');
    EXPECT_EQ(Hash64(Slice(exact.data(), size)), Hash64(std::string(size, 'x')));
  }
}

// Flipping any one bit of a key flips each bit of the hash in half of the keys.
TEST(Hash, Avalanche) {
  std::mt19937_64 random(7);
  constexpr int kKeys = 3000;
  for (const size_t size : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 32, 33, 64, 65, 100}) {
    for (size_t bit = 0; bit<size * 8; bit += size> 32 ? 5 : 1) {
      int flips[64] = {};
      for (int i = 0; i < kKeys; ++i) {
        std::string key(size, '\0');
        for (char& byte : key) byte = static_cast<char>(random());
        const uint64_t before = Hash64(key);
        key[bit / 8] = static_cast<char>(key[bit / 8] ^ (1 << bit % 8));
        const uint64_t change = before ^ Hash64(key);
        for (int out = 0; out < 64; ++out) flips[out] += static_cast<int>(change >> out & 1);
      }
      const auto [least, most] = std::minmax_element(flips, flips + 64);
      // One byte has 256 keys only: its samples repeat, so its spread is wider.
      const double slack = size == 1 ? 0.20 : size == 2 ? 0.06 : 0.05;
      ASSERT_GT(*least, kKeys * (0.5 - slack)) << "size " << size << " bit " << bit;
      ASSERT_LT(*most, kKeys * (0.5 + slack)) << "size " << size << " bit " << bit;
    }
  }
}

// Standard deviations by which the counts of `buckets` differ from an even spread.
double ChiDeviation(const std::vector<uint32_t>& buckets, size_t keys) {
  const double expected = static_cast<double>(keys) / static_cast<double>(buckets.size());
  double chi = 0;
  for (const uint32_t count : buckets) chi += (count - expected) * (count - expected) / expected;
  const double freedom = static_cast<double>(buckets.size() - 1);
  return (chi - freedom) / std::sqrt(2 * freedom);
}

TEST(Hash, SpreadsDecimalKeysEvenly) {
  constexpr size_t kKeys = 1 << 17;
  for (const int width : {7, 8, 10, 12, 16, 17, 20, 24}) {
    for (const uint64_t step : {1, 8, 1000}) {
      for (const int shift : {0, 16, 32, 48}) {
        std::vector<uint32_t> buckets(1 << 12);
        for (size_t i = 0; i < kKeys; ++i) {
          const uint64_t hash = Hash64("\x01" + Decimal(i * step, width));
          ++buckets[hash >> shift & (buckets.size() - 1)];
        }
        ASSERT_LT(std::fabs(ChiDeviation(buckets, kKeys)), 6)
            << "width " << width << " step " << step << " shift " << shift;
      }
    }
  }
}

TEST(Hash, ShortKeysDoNotCollide) {
  std::unordered_set<uint64_t> hashes;
  size_t keys = 0;
  const auto add = [&](const std::string& key) {
    hashes.insert(Hash64(key));
    ++keys;
  };
  add("");
  for (int a = 0; a < 256; ++a) {
    add({static_cast<char>(a)});
    for (int b = 0; b < 256; ++b) {
      add({static_cast<char>(a), static_cast<char>(b)});
      for (int c = 0; c < 16; ++c) {
        add({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
      }
    }
  }
  for (size_t size = 4; size < 2000; ++size) add(std::string(size, '\0'));
  for (uint64_t i = 0; i < 1000000; ++i) add(Decimal(i, 16));
  EXPECT_EQ(hashes.size(), keys);
}

}  // namespace
}  // namespace varve
