// BlockCache::Shard: one part of the block cache, with its own mutex, queues and ghosts.
//
// S3-FIFO (Yang et al. 2023): new blocks pass through a small queue. One that was hit
// there more than once moves on to the main queue, another leaves only its fingerprint;
// if it comes back soon, it goes to the main queue directly.
//
// Thread safety: everything from any thread. Blocks that leave are freed after the
// mutex was let go.
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "core/cache.h"

namespace varve {

// Fingerprints of blocks that left the small queue, forgotten after so many others.
// A ring per set, so that asking needs no search through all of them.
class GhostRing {
 public:
  void Resize(size_t capacity_bytes);  // forgets everything
  void Add(uint64_t fingerprint);
  bool Contains(uint64_t fingerprint, uint64_t age_limit) const;

 private:
  static constexpr size_t kWays = 4;
  struct Ghost {
    uint32_t tag = 0, time = 0;  // time 0: none
  };
  struct Set {
    std::array<Ghost, kWays> ways;
    uint32_t oldest = 0;
  };

  size_t SetOf(uint64_t fingerprint) const { return fingerprint & (sets_.size() - 1); }

  std::vector<Set> sets_;  // a power of two
  uint32_t clock_ = 0;
};

// Doubly linked through the blocks.
class BlockQueue {
 public:
  void PushBack(CachedBlock* block);
  void Remove(CachedBlock* block);
  CachedBlock* front() const { return front_; }
  size_t bytes() const { return bytes_; }
  size_t blocks() const { return blocks_; }

 private:
  CachedBlock* front_ = nullptr;
  CachedBlock* back_ = nullptr;
  size_t bytes_ = 0;
  size_t blocks_ = 0;
};

class alignas(64) BlockCache::Shard {
 public:
  void SetCapacity(size_t bytes);
  void AddTo(CacheStats* stats) const;
  BlockPin Find(std::atomic<CachedBlock*>* slot);
  // `fresh` has one reference, the caller's, which the answer carries on.
  BlockPin Insert(std::atomic<CachedBlock*>* slot, uint64_t fingerprint, BlockPin fresh,
                  CachedBlock* block, CacheFill fill);
  // Every `step`th slot from `first` on, below `end`: forgets what is there.
  void Drop(std::atomic<CachedBlock*>* first, std::atomic<CachedBlock*>* end, size_t step);

 private:
  // Blocks on their way out, linked by `next`; the cache's references are let go last.
  class Leaving {
   public:
    ~Leaving();
    void Add(CachedBlock* block);

   private:
    CachedBlock* first_ = nullptr;
  };

  size_t used() const { return small_.bytes() + main_.bytes(); }
  void Shrink(size_t limit, Leaving* leaving);
  void ShrinkSmall(Leaving* leaving);
  void ShrinkMain(Leaving* leaving);
  void Evict(CachedBlock* block, Leaving* leaving);

  mutable std::mutex mutex_;
  size_t capacity_ = 0;
  BlockQueue small_, main_;
  GhostRing ghosts_;
  uint64_t hits_ = 0, misses_ = 0, evictions_ = 0;
};

}  // namespace varve
