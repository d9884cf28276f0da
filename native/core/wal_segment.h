// WalSegment: one file of the wal, prepared ahead, begun once, appended to by its Wal.
//
// prepared (Create, Recycle) → begun (Wal::Rotate) → followed by another → dropped.
// Thread safety: bytes() and path() from any thread; the rest belongs to the Wal that holds it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "core/file.h"
#include "core/wal_format.h"

namespace varve {

class WalSegment {
  struct Key {};  // only its own functions make segments

 public:
  WalSegment(Key, std::unique_ptr<File> file) : file_(std::move(file)) {}
  // Creates (exclusive), reserves `reserve_bytes` and syncs the file; the caller syncs the
  // directory before it rotates to it.
  static Status Create(FileSystem* fs, const std::string& path, uint64_t reserve_bytes,
                       std::shared_ptr<WalSegment>* segment);
  // Opens an old segment, already under its new name, to be used again; grows it to
  // `reserve_bytes`. Its bytes stay until they are overwritten.
  static Status Recycle(FileSystem* fs, const std::string& path, uint64_t reserve_bytes,
                        std::shared_ptr<WalSegment>* segment);
  // For replay: a begun segment whose records end at `end`, of which `synced_bytes` are on disk.
  static std::shared_ptr<WalSegment> Replayed(std::unique_ptr<File> file, SegmentHeader header,
                                              uint64_t end, uint64_t synced_bytes,
                                              uint64_t synced_claim);

  uint64_t bytes() const { return end_.load(std::memory_order_relaxed); }  // header and records
  bool begun() const { return bytes() != 0; }
  const SegmentHeader& header() const { return header_; }  // REQUIRES: begun
  uint64_t number() const { return header_.identity.number; }
  const std::string& path() const { return file_->path(); }
  const File& file() const { return *file_; }

 private:
  friend class Wal;
  void SetHeader(SegmentHeader header);  // records may follow where it will end
  Status WriteHeader();

  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::atomic<uint64_t> end_{0};
  std::atomic<uint64_t> synced_bytes_{0};  // certainly on disk
  uint64_t worth_syncing_ = 0;  // end of the last record that is no sync mark; under Wal's mutex
  uint64_t synced_claim_ = 0;   // the highest synced index that it says; the appending thread's
  bool read_only_ = false;      // an earlier process wrote it: its page cache is not to be trusted
};

}  // namespace varve
