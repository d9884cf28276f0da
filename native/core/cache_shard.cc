#include "core/cache_shard.h"

#include <algorithm>
#include <utility>

namespace varve {
namespace {

constexpr uint8_t kHitsMax = 3;
constexpr uint8_t kHitsToStay = 2;  // in the small queue
constexpr size_t kSmallPart = 10;   // one in so many bytes
// Room for twice the ghosts that blocks of 4 KiB need: sets do not fill evenly.
constexpr size_t kTypicalBlockBytes = 2048;
constexpr size_t kGhostSetsMin = 64;
constexpr size_t kGhostSetsMax = 1 << 18;

size_t ChargeOf(const CachedBlock& block) { return block.block.size() + sizeof(CachedBlock); }

}  // namespace

void GhostRing::Resize(size_t capacity_bytes) {
  const size_t wanted = capacity_bytes / kTypicalBlockBytes / kWays;
  size_t sets = kGhostSetsMin;
  while (sets < wanted && sets < kGhostSetsMax) sets *= 2;
  clock_ = 0;
  sets_.assign(sets, Set());
}

void GhostRing::Add(uint64_t fingerprint) {
  if (++clock_ == 0) clock_ = 1;
  Set& set = sets_[SetOf(fingerprint)];
  set.ways[set.oldest] = {static_cast<uint32_t>(fingerprint >> 32), clock_};
  set.oldest = (set.oldest + 1) % kWays;
}

bool GhostRing::Contains(uint64_t fingerprint, uint64_t age_limit) const {
  const auto tag = static_cast<uint32_t>(fingerprint >> 32);
  for (const Ghost& ghost : sets_[SetOf(fingerprint)].ways) {
    if (ghost.time != 0 && ghost.tag == tag && clock_ - ghost.time < age_limit) return true;
  }
  return false;
}

void BlockQueue::PushBack(CachedBlock* block) {
  block->previous = back_;
  block->next = nullptr;
  (back_ == nullptr ? front_ : back_->next) = block;
  back_ = block;
  bytes_ += ChargeOf(*block);
  ++blocks_;
}

void BlockQueue::Remove(CachedBlock* block) {
  (block->previous == nullptr ? front_ : block->previous->next) = block->next;
  (block->next == nullptr ? back_ : block->next->previous) = block->previous;
  bytes_ -= ChargeOf(*block);
  --blocks_;
}

BlockCache::Shard::Leaving::~Leaving() {
  while (first_ != nullptr) {
    CachedBlock* const next = first_->next;
    BlockPin(first_).Release();
    first_ = next;
  }
}

void BlockCache::Shard::Leaving::Add(CachedBlock* block) {
  block->next = first_;
  first_ = block;
}

BlockPin BlockCache::Shard::Find(std::atomic<CachedBlock*>* slot) {
  const std::lock_guard lock(mutex_);
  CachedBlock* const block = slot->load(std::memory_order_relaxed);
  if (block == nullptr) {
    ++misses_;
    return BlockPin();
  }
  ++hits_;
  if (block->hits < kHitsMax) ++block->hits;
  block->references.fetch_add(1, std::memory_order_relaxed);
  return BlockPin(block);
}

BlockPin BlockCache::Shard::Insert(std::atomic<CachedBlock*>* slot, uint64_t fingerprint,
                                   BlockPin fresh, CachedBlock* block, CacheFill fill) {
  Leaving leaving;
  const std::lock_guard lock(mutex_);
  if (CachedBlock* const faster = slot->load(std::memory_order_relaxed); faster != nullptr) {
    faster->references.fetch_add(1, std::memory_order_relaxed);
    return BlockPin(faster);
  }
  const size_t charge = ChargeOf(*block);
  if (fill == CacheFill::kNever || charge > capacity_) return fresh;
  if (fill == CacheFill::kIfRoom && charge > capacity_ - used()) return fresh;
  block->in_main = ghosts_.Contains(fingerprint, small_.blocks() + main_.blocks());
  Shrink(capacity_ - charge, &leaving);
  block->slot = slot;
  block->fingerprint = fingerprint;
  block->references.fetch_add(1, std::memory_order_relaxed);
  slot->store(block, std::memory_order_relaxed);
  (block->in_main ? main_ : small_).PushBack(block);
  return fresh;
}

void BlockCache::Shard::Drop(std::atomic<CachedBlock*>* first, std::atomic<CachedBlock*>* end,
                             size_t step) {
  Leaving leaving;
  const std::lock_guard lock(mutex_);
  for (; first < end; first += std::min<size_t>(step, static_cast<size_t>(end - first))) {
    CachedBlock* const block = first->exchange(nullptr, std::memory_order_relaxed);
    if (block == nullptr) continue;
    (block->in_main ? main_ : small_).Remove(block);
    leaving.Add(block);
  }
}

void BlockCache::Shard::SetCapacity(size_t bytes) {
  Leaving leaving;
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
  Shrink(bytes, &leaving);
  ghosts_.Resize(bytes);
}

void BlockCache::Shard::AddTo(CacheStats* stats) const {
  const std::lock_guard lock(mutex_);
  stats->used_bytes += used();
  stats->blocks += small_.blocks() + main_.blocks();
  stats->hits += hits_;
  stats->misses += misses_;
  stats->evictions += evictions_;
}

// Each turn lets a block go, moves one to the main queue or takes a hit from one there.
void BlockCache::Shard::Shrink(size_t limit, Leaving* leaving) {
  while (used() > limit) {
    if (main_.blocks() == 0 || small_.bytes() > capacity_ / kSmallPart) {
      ShrinkSmall(leaving);
    } else {
      ShrinkMain(leaving);
    }
  }
}

void BlockCache::Shard::ShrinkSmall(Leaving* leaving) {
  CachedBlock* const block = small_.front();
  small_.Remove(block);
  if (block->hits >= kHitsToStay) {
    block->hits = 0;
    block->in_main = true;
    main_.PushBack(block);
    return;
  }
  ghosts_.Add(block->fingerprint);
  Evict(block, leaving);
}

void BlockCache::Shard::ShrinkMain(Leaving* leaving) {
  CachedBlock* const block = main_.front();
  main_.Remove(block);
  if (block->hits != 0) {
    --block->hits;
    main_.PushBack(block);
    return;
  }
  Evict(block, leaving);
}

void BlockCache::Shard::Evict(CachedBlock* block, Leaving* leaving) {
  block->slot->store(nullptr, std::memory_order_relaxed);
  ++evictions_;
  leaving->Add(block);
}

}  // namespace varve
