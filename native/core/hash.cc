#include "core/hash.h"

#include "core/coding.h"

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace varve {
namespace {

// Fractional parts of the square roots of 2, 3, 5 and 7.
constexpr uint64_t kFirst = 0x6a09e667f3bcc909;
constexpr uint64_t kSecond = 0xbb67ae8584caa73b;
constexpr uint64_t kThird = 0x3c6ef372fe94f82b;
constexpr uint64_t kFourth = 0xa54ff53a5f1d36f1;

inline uint64_t Fold(uint64_t a, uint64_t b) {
#if defined(_MSC_VER)
  uint64_t high;
  const uint64_t low = _umul128(a, b, &high);
  return high ^ low;
#else
  __extension__ typedef unsigned __int128 uint128;
  const uint128 product = static_cast<uint128>(a) * b;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
#endif
}

inline uint64_t Finish(uint64_t state, size_t size) { return Fold(state ^ kThird, size ^ kFourth); }

uint64_t HashOver32(const char* from, size_t size) {
  uint64_t even = kThird, odd = kFourth;
  const char* const tail = from + size - 32;
  for (; from < tail; from += 32) {
    even = Fold(DecodeFixed64(from) ^ kFirst, DecodeFixed64(from + 8) ^ even);
    odd = Fold(DecodeFixed64(from + 16) ^ kSecond, DecodeFixed64(from + 24) ^ odd);
  }
  even = Fold(DecodeFixed64(tail) ^ kFirst, DecodeFixed64(tail + 8) ^ even);
  odd = Fold(DecodeFixed64(tail + 16) ^ kSecond, DecodeFixed64(tail + 24) ^ odd);
  // The shift keeps equal lanes from cancelling.
  return Finish(even ^ (odd << 31 | odd >> 33), size);
}

}  // namespace

uint64_t Hash64(Slice bytes) {
  const char* const from = bytes.data();
  const size_t size = bytes.size();
  if (size > 32) return HashOver32(from, size);
  // Words may overlap: together with the size they still say every byte.
  if (size > 16) {
    const uint64_t front = Fold(DecodeFixed64(from) ^ kFirst, DecodeFixed64(from + 8) ^ kSecond);
    const char* const tail = from + size - 16;
    return Finish(Fold(DecodeFixed64(tail) ^ kSecond, DecodeFixed64(tail + 8) ^ front), size);
  }
  uint64_t a = 0, b = 0;
  if (size >= 8) {
    a = DecodeFixed64(from);
    b = DecodeFixed64(from + size - 8);
  } else if (size >= 4) {
    a = DecodeFixed32(from);
    b = DecodeFixed32(from + size - 4);
  } else if (size > 0) {
    a = static_cast<uint8_t>(from[0]);
    b = static_cast<uint64_t>(static_cast<uint8_t>(from[size / 2])) << 8 |
        static_cast<uint8_t>(from[size - 1]);
  }
  return Finish(Fold(a ^ kFirst, b ^ kSecond), size);
}

}  // namespace varve
