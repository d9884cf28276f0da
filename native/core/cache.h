// BlockCache: decompressed blocks, shared by all tables of an open database.
//
// No hash table: each table owns an array of slots, one pointer per block, and the
// cache decides which blocks stay. Shards (by table and block number) each have a
// mutex, a small probation queue (10 %), a main queue with two-bit counters, and a
// ghost list of fingerprints (S3-FIFO): a scan passes through probation and leaves
// what is hot alone.
//
// Thread safety: everything from any thread. A BlockPin keeps its block readable
// after eviction and after the table is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "core/block.h"

namespace varve {

class BlockCache;

// What becomes of a block just read.
enum class CacheFill : uint8_t {
  kNever,   // it is only pinned: compaction
  kIfRoom,  // kept, unless another would have to go: long scans
  kAlways,
};

struct CachedBlock {
  Block block;
  std::atomic<uint32_t> references{0};
  // Guarded by the shard, for as long as the cache holds its reference.
  CachedBlock* previous = nullptr;
  CachedBlock* next = nullptr;
  std::atomic<CachedBlock*>* slot = nullptr;
  uint64_t fingerprint = 0;
  uint8_t hits = 0;
  bool in_main = false;
};

// A counted reference to a block.
class BlockPin {
 public:
  BlockPin() = default;
  explicit BlockPin(CachedBlock* adopted) : block_(adopted) {}  // takes over one reference
  BlockPin(BlockPin&& other) noexcept : block_(other.block_) { other.block_ = nullptr; }
  BlockPin& operator=(BlockPin&& other) noexcept;
  BlockPin(const BlockPin&) = delete;
  BlockPin& operator=(const BlockPin&) = delete;
  ~BlockPin() { Release(); }
  void Release();
  const Block* get() const;
  explicit operator bool() const { return block_ != nullptr; }

 private:
  CachedBlock* block_ = nullptr;
};

// One table's slots. Destroying it drops the table's blocks from the cache.
// REQUIRES: the cache, unless it is null (nothing is ever kept then), outlives the slots;
// blocks asked for are < `blocks`.
class BlockSlots {
 public:
  BlockSlots(BlockCache* cache, uint64_t table_number, uint32_t blocks);
  BlockSlots(const BlockSlots&) = delete;
  BlockSlots& operator=(const BlockSlots&) = delete;
  ~BlockSlots();
  // The cached block, pinned and counted as a hit; empty on a miss.
  BlockPin Find(uint32_t block);
  // Brings near what Find reads first.
  void PrefetchSlot(uint32_t block) const;
  // Brings near the cached block. False: there is none.
  bool PrefetchBlock(uint32_t block) const;
  // Hands a block just read to the cache and pins it. If another thread was faster, its block is
  // returned.
  BlockPin Insert(uint32_t block, Block contents, CacheFill fill);

 private:
  BlockCache* cache_;
  uint64_t table_hash_;
  uint32_t blocks_;
  // Each holds the cache's reference. Written, and followed, with the block's shard locked only.
  std::unique_ptr<std::atomic<CachedBlock*>[]> slots_;
};

struct CacheStats {
  uint64_t capacity_bytes = 0, used_bytes = 0, blocks = 0, hits = 0, misses = 0, evictions = 0;
};

class BlockCache {
 public:
  explicit BlockCache(size_t capacity_bytes, int shards = 16);
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;
  ~BlockCache();
  // Shrinks at once. Shards share the capacity evenly, and a block larger than its shard's
  // part is not kept.
  void SetCapacity(size_t bytes);
  CacheStats Stats() const;

 private:
  friend class BlockSlots;
  class Shard;

  Shard* ShardOf(uint64_t table_hash, uint32_t block) const;

  std::mutex capacity_mutex_;  // one SetCapacity at a time
  std::atomic<uint64_t> capacity_;
  const uint32_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace varve
