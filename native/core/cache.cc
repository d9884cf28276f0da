#include "core/cache.h"

#include <algorithm>
#include <utility>

#include "core/cache_shard.h"

namespace varve {
namespace {

// SplitMix64's finish: every bit of the number moves every bit of the answer.
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint64_t FingerprintOf(uint64_t table_hash, uint32_t block) { return Mix(table_hash + block); }

}  // namespace

BlockPin& BlockPin::operator=(BlockPin&& other) noexcept {
  if (this != &other) {
    Release();
    block_ = std::exchange(other.block_, nullptr);
  }
  return *this;
}

void BlockPin::Release() {
  CachedBlock* const block = std::exchange(block_, nullptr);
  if (block == nullptr || block->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::unique_ptr<CachedBlock> last(block);
}

const Block* BlockPin::get() const { return block_ == nullptr ? nullptr : &block_->block; }

BlockSlots::BlockSlots(BlockCache* cache, uint64_t table_number, uint32_t blocks)
    : cache_(cache), table_hash_(Mix(table_number + 1)), blocks_(blocks) {
  if (cache_ != nullptr) slots_ = std::make_unique<std::atomic<CachedBlock*>[]>(blocks);
}

BlockSlots::~BlockSlots() {
  if (cache_ == nullptr) return;
  // Neighbours lie in neighbouring shards: each shard is locked once for all it has.
  const uint32_t step = cache_->shard_count_;
  std::atomic<CachedBlock*>* const end = slots_.get() + blocks_;
  for (uint32_t i = 0; i < std::min(step, blocks_); ++i) {
    cache_->ShardOf(table_hash_, i)->Drop(slots_.get() + i, end, step);
  }
}

BlockPin BlockSlots::Find(uint32_t block) {
  if (cache_ == nullptr) return BlockPin();
  return cache_->ShardOf(table_hash_, block)->Find(&slots_[block]);
}

void BlockSlots::PrefetchSlot(uint32_t block) const {
  if (cache_ != nullptr) __builtin_prefetch(&slots_[block]);
}

bool BlockSlots::PrefetchBlock(uint32_t block) const {
  if (cache_ == nullptr) return false;
  const auto* cached = reinterpret_cast<const char*>(slots_[block].load(std::memory_order_relaxed));
  if (cached == nullptr) return false;
  // It may be gone by now: its address is all that is used.
  __builtin_prefetch(cached, 1);
  __builtin_prefetch(cached + sizeof(CachedBlock) - 1, 1);
  return true;
}

BlockPin BlockSlots::Insert(uint32_t block, Block contents, CacheFill fill) {
  auto owned = std::make_unique<CachedBlock>();
  owned->block = std::move(contents);
  owned->references.store(1, std::memory_order_relaxed);
  CachedBlock* const cached = owned.release();
  BlockPin pin(cached);
  if (cache_ == nullptr) return pin;
  return cache_->ShardOf(table_hash_, block)
      ->Insert(&slots_[block], FingerprintOf(table_hash_, block), std::move(pin), cached, fill);
}

BlockCache::BlockCache(size_t capacity_bytes, int shards)
    : capacity_(0),
      shard_count_(static_cast<uint32_t>(std::max(shards, 1))),
      shards_(std::make_unique<Shard[]>(shard_count_)) {
  SetCapacity(capacity_bytes);
}

BlockCache::~BlockCache() = default;

BlockCache::Shard* BlockCache::ShardOf(uint64_t table_hash, uint32_t block) const {
  // Not the sum of both, which would wrap and break the stride ~BlockSlots walks in.
  return &shards_[((table_hash >> 32) + block) % shard_count_];
}

void BlockCache::SetCapacity(size_t bytes) {
  const std::lock_guard lock(capacity_mutex_);
  capacity_.store(bytes, std::memory_order_relaxed);
  for (uint32_t i = 0; i < shard_count_; ++i) shards_[i].SetCapacity(bytes / shard_count_);
}

CacheStats BlockCache::Stats() const {
  CacheStats stats;
  stats.capacity_bytes = capacity_.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < shard_count_; ++i) shards_[i].AddTo(&stats);
  return stats;
}

}  // namespace varve
