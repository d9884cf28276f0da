#include "core/file_memory_image.h"

#include <algorithm>

namespace varve::memory {

void MemoryImage::KeepSynced(uint64_t offset, uint64_t end) {
  if (offset >= end) return;
  for (uint64_t sector = offset / kSectorBytes; sector <= (end - 1) / kSectorBytes; ++sector) {
    const auto [kept, first] = unsynced_.try_emplace(sector);
    kept->second.forgotten = false;
    const uint64_t start = sector * kSectorBytes;
    if (first && start < size()) kept->second.bytes = bytes_.substr(start, kSectorBytes);
  }
}

void MemoryImage::Write(uint64_t offset, Slice bytes) {
  if (bytes.empty()) return;
  KeepSynced(offset, offset + bytes.size());
  if (offset + bytes.size() > size()) bytes_.resize(offset + bytes.size());
  bytes.copy(bytes_.data() + offset, bytes.size());
}

void MemoryImage::Resize(uint64_t size) {
  KeepSynced(size, bytes_.size());
  bytes_.resize(size);
}

void MemoryImage::SetBoth(Slice bytes) {
  bytes_ = bytes;
  synced_size_ = bytes.size();
  unsynced_.clear();
}

void MemoryImage::Sync() {
  synced_size_ = size();
  for (auto kept = unsynced_.begin(); kept != unsynced_.end();) {
    kept = kept->second.forgotten ? std::next(kept) : unsynced_.erase(kept);
  }
}

void MemoryImage::FailSync() {
  for (auto& [sector, kept] : unsynced_) kept.forgotten = true;
}

uint64_t MemoryImage::SizeAfterCrash(SeededRandom* random) const {
  switch (random->Below(3)) {
    case 0:
      return synced_size_;
    case 1:
      return size();
    default:
      break;
  }
  // A file that grew may be found anywhere on the way, but no sector is half of each.
  const uint64_t first = synced_size_ / kSectorBytes + 1;
  const uint64_t end = size() / kSectorBytes + 1;
  return first < end ? (first + random->Below(end - first)) * kSectorBytes : size();
}

void MemoryImage::Crash(SeededRandom* random) {
  enum { kNone, kAll, kSome } keep = kNone;
  if (random != nullptr) keep = static_cast<decltype(keep)>(random->Below(3));
  const uint64_t size_written = size();
  uint64_t size_left = keep == kNone ? synced_size_ : size_written;
  if (keep == kSome) size_left = SizeAfterCrash(random);
  bytes_.resize(std::max(size_written, synced_size_));
  for (const auto& [sector, kept] : unsynced_) {
    const uint64_t start = sector * kSectorBytes;
    const bool cut_off = start >= size_written;
    const bool written = keep == kAll || (keep == kSome && random->Coin());
    if ((written && !cut_off) || start >= size()) continue;
    std::string synced = kept.bytes;
    synced.resize(std::min(kSectorBytes, size() - start));
    synced.copy(bytes_.data() + start, synced.size());
  }
  bytes_.resize(size_left);
  synced_size_ = size_left;
  unsynced_.clear();
}

}  // namespace varve::memory
