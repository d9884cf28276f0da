#include "core/block.h"

#include <cstring>

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
  const uint32_t tags = DecodeFixed16(footer + 4);
  const uint32_t interval = DecodeFixed16(footer + 6);
  const uint64_t tail = uint64_t{restarts} * 4 + tags + kFooterBytes;
  if (tail > size) {
    return Status::Corruption("a block's footer is damaged");
  }
  const auto entries_end = static_cast<uint32_t>(size - tail);
  if ((restarts == 0) != (entries_end == 0) ||
      (restarts != 0 && DecodeFixed32(contents.get() + entries_end) != 0)) {
    return Status::Corruption("a block's restarts are damaged");
  }
  if (tags != 0 && (interval == 0 || restarts != (tags + interval - 1) / interval)) {
    return Status::Corruption("a block's hash index is damaged");
  }
  block->contents_ = std::move(contents);
  block->size_ = size;
  block->entries_end_ = entries_end;
  block->restarts_ = restarts;
  block->tag_count_ = tags;
  block->tags_ = footer - tags;
  block->interval_ = interval;
  return Status::Ok();
}

uint32_t Block::restart_offset(uint32_t index) const {
  return DecodeFixed32(contents_.get() + entries_end_ + size_t{index} * 4);
}

Block::Found Block::Get(Slice key, uint64_t hash, uint64_t seek_trailer, uint64_t* trailer,
                        Slice* value) const {
  if (restarts_ == 0) return Found::kNextBlock;
  if (tag_count_ == 0) {
    uint32_t restart = 0;
    if (!FindRestart(*this, key, seek_trailer, &restart)) return Found::kDamaged;
    return Scan(restart, entries_end_, key, seek_trailer, trailer, value);
  }
  const Found found = GetTagged(key, hash, seek_trailer, trailer, value);
  if (found != Found::kNextBlock) return found;
  // The block has no such key. The last interval knows whether it has a greater one.
  return Scan(restarts_ - 1, entries_end_, key, seek_trailer, trailer, value);
}

Block::Found Block::GetTagged(Slice key, uint64_t hash, uint64_t seek_trailer, uint64_t* trailer,
                              Slice* value) const {
  // Intervals without its tag do not have the key: where one with it has a greater entry, the key
  // is not in the block.
  for (uint32_t from = 0; from < tag_count_;) {
    const void* const hit = std::memchr(tags_ + from, TagOf(hash), tag_count_ - from);
    if (hit == nullptr) break;
    const auto entry = static_cast<uint32_t>(static_cast<const char*>(hit) - tags_);
    const uint32_t restart = entry / interval_;
    const uint32_t home_end = restart + 1 < restarts_ ? restart_offset(restart + 1) : entries_end_;
    const Found found = Scan(restart, home_end, key, seek_trailer, trailer, value);
    if (found != Found::kNextBlock) return found;
    from = (restart + 1) * interval_;
  }
  return Found::kNextBlock;
}

void Block::PrefetchEntry(uint64_t hash) const {
  constexpr size_t kLineBytes = 64;
  if (tag_count_ == 0) return;
  const void* const hit = std::memchr(tags_, TagOf(hash), tag_count_);
  if (hit == nullptr) return;
  const auto entry = static_cast<uint32_t>(static_cast<const char*>(hit) - tags_);
  const uint32_t offset = restart_offset(entry / interval_);
  if (offset >= entries_end_) return;
  for (size_t line = 0; line < 4; ++line) {
    __builtin_prefetch(contents_.get() + std::min<size_t>(offset + line * kLineBytes, size_ - 1));
  }
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
    if (from >= home && !order.same_key()) return Found::kNextBlock;  // the tag is another key's
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
