// RecordReader: reads records of one segment through a window, and trusts no length it reads.
//
// A record is believed when its checksum holds; a record longer than the window is checksummed in
// pieces first and only then, and only if it is asked for whole, held in memory.
// Thread safety: one thread at a time.
#pragma once

#include <string>

#include "core/file.h"
#include "core/wal_format.h"

namespace varve {

class RecordReader {
 public:
  static constexpr size_t kWindowBytes = 1 << 20;

  // Sees the file's bytes below `limit` (REQUIRES: at most its size). life 0: of any life.
  RecordReader(const File* file, uint64_t life, uint64_t limit, size_t window_bytes = kWindowBytes);

  struct Found {
    bool valid = false;
    RecordHeader header;
    uint64_t offset = 0, bytes = 0;  // of the record, padding included
    // Header and padded payload, until the next call; empty for a record longer than the window
    // unless it was asked for whole.
    Slice record;
    const char* reason = "";    // why it is not valid
    bool of_this_life = false;  // not valid, but its header says that it belongs here

    Slice payload() const { return record.substr(kRecordHeaderBytes, header.payload_bytes); }
  };

  uint64_t limit() const { return limit_; }
  // The record at `offset`. Not ok: it could not be read, or is of a kind not known here.
  Status At(uint64_t offset, bool whole, Found* found);
  // The first valid record at or after `offset`, at any multiple of 8; !found->valid: none.
  Status FindFrom(uint64_t offset, Found* found);

 private:
  // Makes `size` bytes at `offset` available, fewer only at the limit.
  Status Load(uint64_t offset, size_t size, Slice* bytes);
  Status CrcInPieces(const RecordHeader& header, uint64_t offset, uint32_t* crc);
  bool LooksLikeRecord(const char* at, uint64_t left) const;

  const File* file_;
  const uint64_t life_;
  const uint64_t limit_;
  const size_t window_bytes_;
  std::string window_;
  std::string long_record_;
  uint64_t window_offset_ = 0;
  size_t window_filled_ = 0;
};

}  // namespace varve
