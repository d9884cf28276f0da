// CRC-32C (Castagnoli): the one checksum of every file.
//
// Hardware (SSE4.2 in three interleaved streams, ARMv8 CRC) where the machine
// has it, slicing-by-8 otherwise, chosen once at run time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/format.h"

namespace varve::crc32c {

// The checksum of what `crc` covers followed by data[0, size). Start with 0.
uint32_t Extend(uint32_t crc, const void* data, size_t size);
inline uint32_t Value(const void* data, size_t size) { return Extend(0, data, size); }

// Which implementation runs: "sse4.2", "armv8" or "software".
const char* Implementation();
// For tests: the software path, whatever the machine has.
uint32_t ExtendSoftware(uint32_t crc, const void* data, size_t size);

// What structures of a file are checksummed with: the file's identity and the
// kind and offset of the structure come before its bytes, so that a stale,
// swapped or misdirected structure does not pass as the right one.
class Seed {
 public:
  explicit Seed(const FileId& id) : base_(Value(id.data(), id.size())) {}
  uint32_t Of(uint8_t kind, uint64_t offset, const void* data, size_t size) const;

 private:
  uint32_t base_;
};

}  // namespace varve::crc32c
