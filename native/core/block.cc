#include "core/block.h"

#include "core/block_entry.h"

namespace varve {
namespace {

constexpr size_t kFooterBytes = 8;

}  // namespace

bool FindRestart(const Block& block, Slice key, uint64_t trailer, uint32_t* restart) {
  const char* const begin = block.contents().data();
  const char* const end = begin + block.entries_end();
  uint32_t low = 0;
  uint32_t high = block.restarts() - 1;
  while (low < high) {
    const uint32_t middle = high - (high - low) / 2;
    const uint32_t offset = block.restart_offset(middle);
    BlockEntry entry;
    if (offset >= block.entries_end() || DecodeEntry(begin + offset, end, &entry) == nullptr ||
        entry.shared != 0) {
      return false;
    }
    if (CompareEntries(Slice(entry.suffix, entry.unshared), entry.trailer, key, trailer) < 0) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  *restart = low;
  return true;
}

Status Block::Parse(std::unique_ptr<char[]> contents, size_t size, Block* block) {
  if (size < kFooterBytes || size > UINT32_MAX) {
    return Status::Corruption("a block has an impossible size");
  }
  const char* const footer = contents.get() + size - kFooterBytes;
  const uint32_t restarts = DecodeFixed32(footer);
  const uint32_t buckets = DecodeFixed16(footer + 4);
  const uint64_t tail = uint64_t{restarts} * 4 + buckets + kFooterBytes;
  if (DecodeFixed16(footer + 6) != 0 || tail > size) {
    return Status::Corruption("a block's footer is damaged");
  }
  const auto entries_end = static_cast<uint32_t>(size - tail);
  if ((restarts == 0) != (entries_end == 0) ||
      (restarts != 0 && DecodeFixed32(contents.get() + entries_end) != 0)) {
    return Status::Corruption("a block's restarts are damaged");
  }
  if (buckets != 0 && (restarts == 0 || restarts > kBucketCollision)) {
    return Status::Corruption("a block's hash index is damaged");
  }
  block->contents_ = std::move(contents);
  block->size_ = size;
  block->entries_end_ = entries_end;
  block->restarts_ = restarts;
  block->bucket_count_ = buckets;
  block->buckets_ = footer - buckets;
  return Status::Ok();
}

uint32_t Block::restart_offset(uint32_t index) const {
  return DecodeFixed32(contents_.get() + entries_end_ + size_t{index} * 4);
}

Block::Found Block::Get(Slice key, uint64_t hash, uint64_t seek_trailer, uint64_t* trailer,
                        Slice* value) const {
  if (restarts_ == 0) return Found::kNextBlock;
  const uint32_t last = restarts_ - 1;
  const uint8_t bucket =
      bucket_count_ == 0 ? kBucketCollision : static_cast<uint8_t>(buckets_[hash % bucket_count_]);
  if (bucket == kBucketCollision) {
    uint32_t restart = 0;
    if (!FindRestart(*this, key, seek_trailer, &restart)) return Found::kDamaged;
    return Scan(restart, entries_end_, key, seek_trailer, trailer, value);
  }
  // The block has no such key. The last interval knows whether it has a greater one.
  if (bucket == kBucketEmpty) return Scan(last, entries_end_, key, seek_trailer, trailer, value);
  if (bucket > last) return Found::kDamaged;
  const uint32_t home_end = bucket == last ? entries_end_ : restart_offset(bucket + 1u);
  return Scan(bucket, home_end, key, seek_trailer, trailer, value);
}

Block::Found Block::Scan(uint32_t restart, uint32_t home_end, Slice key, uint64_t seek_trailer,
                         uint64_t* trailer, Slice* value) const {
  const uint32_t offset = restart_offset(restart);
  if (offset >= entries_end_) return Found::kDamaged;
  const char* from = contents_.get() + offset;
  const char* const end = contents_.get() + entries_end_;
  const char* const home = contents_.get() + std::min(home_end, entries_end_);
  RunningOrder order(key, seek_trailer);
  BlockEntry entry;
  while (from < end) {
    if (from >= home && !order.same_key()) {
      // The bucket is another key's: as good as an empty one.
      return Scan(restarts_ - 1, entries_end_, key, seek_trailer, trailer, value);
    }
    from = DecodeEntry(from, end, &entry);
    if (from == nullptr || !order.Follows(entry)) return Found::kDamaged;
    if (order.Compare(entry) < 0) continue;
    if (!order.same_key()) return Found::kAbsent;
    *trailer = entry.trailer;
    *value = entry.value;
    return Found::kFound;
  }
  return Found::kNextBlock;
}

}  // namespace varve
