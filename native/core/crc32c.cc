#include "core/crc32c.h"

#include <array>

#include "core/coding.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define VARVE_CRC_SSE42 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__)
#define VARVE_CRC_ARMV8 1
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

namespace varve::crc32c {
namespace {

// A checksum is a polynomial over GF(2) with its bits reflected: bit 31 is x^0.
constexpr uint32_t kPolynomial = 0x82f63b78;

constexpr uint32_t TimesX(uint32_t value) {
  return (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
}

using SlicingTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr SlicingTables MakeSlicingTables() {
  SlicingTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = TimesX(value);
    tables[0][byte] = value;
  }
  for (size_t table = 1; table < 8; ++table) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[table - 1][byte];
      tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr SlicingTables kSlicing = MakeSlicingTables();

#if defined(VARVE_CRC_SSE42)

// Three streams are checksummed at a time, because one crc32 instruction takes three
// cycles but a new one may start in each. Afterwards the first two are moved over the
// bytes that follow them: kMove[n] is x^(64n - 33), the factor that appends n words
// of zeros (the product is reflected, one bit short of a word, and the instruction
// that reduces it multiplies by x^32: together x^33).
constexpr size_t kStreamWordsMax = 256;
constexpr size_t kStreamWordsMin = 8;

constexpr std::array<uint32_t, 2 * kStreamWordsMax + 1> MakeMoves() {
  std::array<uint32_t, 2 * kStreamWordsMax + 1> moves{};
  uint32_t value = 1;
  for (size_t words = 1; words < moves.size(); ++words) {
    moves[words] = value;
    for (int bit = 0; bit < 64; ++bit) value = TimesX(value);
  }
  return moves;
}

constexpr std::array<uint32_t, 2 * kStreamWordsMax + 1> kMove = MakeMoves();

__attribute__((target("sse4.2,pclmul"))) inline uint64_t Multiply(uint64_t a, uint32_t b) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(a)),
                                               _mm_cvtsi32_si128(static_cast<int32_t>(b)), 0);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) uint32_t ExtendSse42(uint32_t crc, const void* data,
                                                              size_t size) {
  const char* from = static_cast<const char*>(data);
  uint64_t state = static_cast<uint32_t>(~crc);
  while (size >= 24 * kStreamWordsMin) {
    const size_t words = size / 24 < kStreamWordsMax ? size / 24 : kStreamWordsMax;
    uint64_t second = 0, third = 0;
    const char* const end = from + 8 * words;
    for (; from < end; from += 8) {
      state = _mm_crc32_u64(state, DecodeFixed64(from));
      second = _mm_crc32_u64(second, DecodeFixed64(from + 8 * words));
      third = _mm_crc32_u64(third, DecodeFixed64(from + 16 * words));
    }
    const uint64_t moved = Multiply(state, kMove[2 * words]) ^ Multiply(second, kMove[words]);
    state = _mm_crc32_u64(0, moved) ^ third;
    from += 16 * words;
    size -= 24 * words;
  }
  for (; size >= 8; size -= 8, from += 8) state = _mm_crc32_u64(state, DecodeFixed64(from));
  uint32_t tail = static_cast<uint32_t>(state);
  if (size >= 4) {
    tail = _mm_crc32_u32(tail, DecodeFixed32(from));
    size -= 4;
    from += 4;
  }
  for (; size > 0; --size) tail = _mm_crc32_u8(tail, static_cast<uint8_t>(*from++));
  return ~tail;
}

bool HasHardware() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }
constexpr const char* kHardwareName = "sse4.2";
constexpr auto* kHardwareExtend = ExtendSse42;

#elif defined(VARVE_CRC_ARMV8)

// The builtins, not <arm_acle.h>: it hides them unless the whole file is built for CRC.
#if defined(__clang__)
#define VARVE_CRC_TARGET __attribute__((target("crc")))
#define VARVE_CRC_WORD __builtin_arm_crc32cd
#define VARVE_CRC_BYTE __builtin_arm_crc32cb
#else
#define VARVE_CRC_TARGET __attribute__((target("+crc")))
#define VARVE_CRC_WORD __builtin_aarch64_crc32cx
#define VARVE_CRC_BYTE __builtin_aarch64_crc32cb
#endif

VARVE_CRC_TARGET uint32_t ExtendArmv8(uint32_t crc, const void* data, size_t size) {
  const char* from = static_cast<const char*>(data);
  crc = ~crc;
  for (; size >= 8; size -= 8, from += 8) crc = VARVE_CRC_WORD(crc, DecodeFixed64(from));
  for (; size > 0; --size) crc = VARVE_CRC_BYTE(crc, static_cast<uint8_t>(*from++));
  return ~crc;
}

bool HasHardware() {
#if defined(__linux__)
  constexpr unsigned long kHwcapCrc32 = 1 << 7;
  return (getauxval(AT_HWCAP) & kHwcapCrc32) != 0;
#else
  return true;  // every Apple processor of this family has it
#endif
}
constexpr const char* kHardwareName = "armv8";
constexpr auto* kHardwareExtend = ExtendArmv8;

#else

bool HasHardware() { return false; }
constexpr const char* kHardwareName = "software";
constexpr auto* kHardwareExtend = ExtendSoftware;

#endif

bool UsesHardware() {
  static const bool uses = HasHardware();
  return uses;
}

}  // namespace

uint32_t ExtendSoftware(uint32_t crc, const void* data, size_t size) {
  const char* from = static_cast<const char*>(data);
  crc = ~crc;
  for (; size >= 8; size -= 8, from += 8) {
    const uint64_t word = DecodeFixed64(from) ^ crc;
    crc = kSlicing[7][word & 0xff] ^ kSlicing[6][word >> 8 & 0xff] ^
          kSlicing[5][word >> 16 & 0xff] ^ kSlicing[4][word >> 24 & 0xff] ^
          kSlicing[3][word >> 32 & 0xff] ^ kSlicing[2][word >> 40 & 0xff] ^
          kSlicing[1][word >> 48 & 0xff] ^ kSlicing[0][word >> 56];
  }
  for (; size > 0; --size) {
    crc = (crc >> 8) ^ kSlicing[0][(crc ^ static_cast<uint8_t>(*from++)) & 0xff];
  }
  return ~crc;
}

uint32_t Extend(uint32_t crc, const void* data, size_t size) {
  if (UsesHardware()) return kHardwareExtend(crc, data, size);
  return ExtendSoftware(crc, data, size);
}

const char* Implementation() { return UsesHardware() ? kHardwareName : "software"; }

uint32_t Seed::Of(uint8_t kind, uint64_t offset, const void* data, size_t size) const {
  char place[9];
  place[0] = static_cast<char>(kind);
  EncodeFixed64(place + 1, offset);
  return Extend(Extend(base_, place, sizeof(place)), data, size);
}

}  // namespace varve::crc32c
