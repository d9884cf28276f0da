// Little-endian integers and varints in byte strings.
//
// Readers never look beyond `end`/the slice and return false (or nullptr) on a
// short or malformed input: the bytes may come from a damaged disk.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "core/status.h"

namespace varve {

inline constexpr size_t kVarint32BytesMax = 5;
inline constexpr size_t kVarint64BytesMax = 10;

inline void EncodeFixed16(char* to, uint16_t value) { std::memcpy(to, &value, 2); }
inline void EncodeFixed32(char* to, uint32_t value) { std::memcpy(to, &value, 4); }
inline void EncodeFixed64(char* to, uint64_t value) { std::memcpy(to, &value, 8); }
inline uint16_t DecodeFixed16(const char* from) {
  uint16_t value;
  std::memcpy(&value, from, 2);
  return value;
}
inline uint32_t DecodeFixed32(const char* from) {
  uint32_t value;
  std::memcpy(&value, from, 4);
  return value;
}
inline uint64_t DecodeFixed64(const char* from) {
  uint64_t value;
  std::memcpy(&value, from, 8);
  return value;
}

void PutFixed16(std::string* to, uint16_t value);
void PutFixed32(std::string* to, uint32_t value);
void PutFixed64(std::string* to, uint64_t value);
void PutVarint32(std::string* to, uint32_t value);
void PutVarint64(std::string* to, uint64_t value);
void PutLengthPrefixed(std::string* to, Slice value);  // varint64 length, bytes

// Write into a buffer with room for k…BytesMax; return one past the last byte.
char* EncodeVarint32(char* to, uint32_t value);
char* EncodeVarint64(char* to, uint64_t value);
int VarintLength(uint64_t value);

// Pointer forms for hot loops: one past the varint, or nullptr.
const char* GetVarint32Slow(const char* from, const char* end, uint32_t* value);
inline const char* GetVarint32(const char* from, const char* end, uint32_t* value) {
  if (from < end && (static_cast<uint8_t>(*from) & 0x80) == 0) {
    *value = static_cast<uint8_t>(*from);
    return from + 1;
  }
  return GetVarint32Slow(from, end, value);
}
const char* GetVarint64(const char* from, const char* end, uint64_t* value);

// Slice forms: consume from the front of *input, or leave it and return false.
bool GetFixed32(Slice* input, uint32_t* value);
bool GetFixed64(Slice* input, uint64_t* value);
bool GetVarint32(Slice* input, uint32_t* value);
bool GetVarint64(Slice* input, uint64_t* value);
bool GetLengthPrefixed(Slice* input, Slice* value);

}  // namespace varve
