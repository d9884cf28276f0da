// Whether bytes are all ASCII: then a string is made of them several times as fast.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/status.h"

namespace varve::binding {

inline bool IsAscii(Slice bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t words[4];
  for (; left >= sizeof words; at += sizeof words, left -= sizeof words) {
    std::memcpy(words, at, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) return false;
  }
  uint64_t seen = 0;
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  for (; left > 0; ++at, --left) seen |= static_cast<uint8_t>(*at);
  return (seen & kHighBits) == 0;
}

}  // namespace varve::binding
