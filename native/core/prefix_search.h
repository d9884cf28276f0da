// Search in an array of key prefixes (KeyPrefix of format.h), which ascend.
#pragma once

#include <cstddef>
#include <cstdint>

namespace varve {

// How many of words[0, size) are below `word`. No branch depends on them: a mask chooses, since a
// compiler makes a branch of ?: here, which is guessed wrong half of the time.
inline size_t CountBelow(const uint64_t* words, size_t size, uint64_t word) {
  const uint64_t* base = words;
  while (size > 1) {
    const size_t half = size / 2;
    base += half & (size_t{0} - static_cast<size_t>(base[half - 1] < word));
    size -= half;
  }
  return static_cast<size_t>(base - words) + (size == 1 && *base < word ? 1 : 0);
}

}  // namespace varve
