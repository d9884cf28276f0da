// MemoryImage: the bytes of one file, twice: as reads see them and as a power cut leaves
// them. For file_memory*.cc only.
//
// The second image is kept as what it differs by: the synced bytes of each 512-byte sector
// written since. A sync forgets those; a crash puts some of them back.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/seeded_random.h"
#include "core/status.h"

namespace varve::memory {

class MemoryImage {
 public:
  static constexpr uint64_t kSectorBytes = 512;

  const std::string& bytes() const { return bytes_; }  // as reads see them
  uint64_t size() const { return bytes_.size(); }

  void Write(uint64_t offset, Slice bytes);
  void Resize(uint64_t size);
  void SetBoth(Slice bytes);

  void Sync();
  // As kernels do it: what was to be written counts as clean. Later syncs, by any handle,
  // leave it out until it is written anew.
  void FailSync();
  // `random` decides what is kept of what is not synced; nullptr: nothing.
  void Crash(SeededRandom* random);

 private:
  struct Synced {
    std::string bytes;  // zeros follow to the sector's end
    bool forgotten = false;
  };

  void KeepSynced(uint64_t offset, uint64_t end);
  uint64_t SizeAfterCrash(SeededRandom* random) const;

  std::string bytes_;
  uint64_t synced_size_ = 0;
  std::map<uint64_t, Synced> unsynced_;  // by number of sector
};

}  // namespace varve::memory
