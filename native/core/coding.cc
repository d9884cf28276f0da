#include "core/coding.h"

namespace varve {

void PutFixed16(std::string* to, uint16_t value) {
  char bytes[2];
  EncodeFixed16(bytes, value);
  to->append(bytes, sizeof(bytes));
}

void PutFixed32(std::string* to, uint32_t value) {
  char bytes[4];
  EncodeFixed32(bytes, value);
  to->append(bytes, sizeof(bytes));
}

void PutFixed64(std::string* to, uint64_t value) {
  char bytes[8];
  EncodeFixed64(bytes, value);
  to->append(bytes, sizeof(bytes));
}

char* EncodeVarint32(char* to, uint32_t value) { return EncodeVarint64(to, value); }

char* EncodeVarint64(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

int VarintLength(uint64_t value) {
  int length = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++length;
  }
  return length;
}

void PutVarint32(std::string* to, uint32_t value) { PutVarint64(to, value); }

void PutVarint64(std::string* to, uint64_t value) {
  char bytes[kVarint64BytesMax];
  to->append(bytes, static_cast<size_t>(EncodeVarint64(bytes, value) - bytes));
}

void PutLengthPrefixed(std::string* to, Slice value) {
  PutVarint64(to, value.size());
  to->append(value);
}

const char* GetVarint32Slow(const char* from, const char* end, uint32_t* value) {
  uint64_t wide = 0;
  const char* const limit =
      end - from > static_cast<ptrdiff_t>(kVarint32BytesMax) ? from + kVarint32BytesMax : end;
  from = GetVarint64(from, limit, &wide);
  if (from == nullptr || wide > UINT32_MAX) return nullptr;
  *value = static_cast<uint32_t>(wide);
  return from;
}

const char* GetVarint64(const char* from, const char* end, uint64_t* value) {
  uint64_t result = 0;
  for (int shift = 0; shift <= 63 && from < end; shift += 7) {
    const uint64_t byte = static_cast<uint8_t>(*from++);
    // The tenth byte has room for one bit: more would be lost without a trace.
    if (shift == 63 && byte > 1) return nullptr;
    result |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return from;
    }
  }
  return nullptr;
}

bool GetFixed32(Slice* input, uint32_t* value) {
  if (input->size() < 4) return false;
  *value = DecodeFixed32(input->data());
  input->remove_prefix(4);
  return true;
}

bool GetFixed64(Slice* input, uint64_t* value) {
  if (input->size() < 8) return false;
  *value = DecodeFixed64(input->data());
  input->remove_prefix(8);
  return true;
}

bool GetVarint32(Slice* input, uint32_t* value) {
  const char* const end = input->data() + input->size();
  const char* const next = GetVarint32(input->data(), end, value);
  if (next == nullptr) return false;
  *input = Slice(next, static_cast<size_t>(end - next));
  return true;
}

bool GetVarint64(Slice* input, uint64_t* value) {
  const char* const end = input->data() + input->size();
  const char* const next = GetVarint64(input->data(), end, value);
  if (next == nullptr) return false;
  *input = Slice(next, static_cast<size_t>(end - next));
  return true;
}

bool GetLengthPrefixed(Slice* input, Slice* value) {
  Slice rest = *input;
  uint64_t size = 0;
  if (!GetVarint64(&rest, &size) || size > rest.size()) return false;
  *value = rest.substr(0, size);
  rest.remove_prefix(size);
  *input = rest;
  return true;
}

}  // namespace varve
