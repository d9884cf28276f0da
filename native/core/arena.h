// Arena: memory that is only ever given out, and given back all at once.
//
// Thread safety: Allocate by one thread at a time; bytes_reserved() from any.
// Invariant: a pointer it returned stays valid until the arena is destroyed.
#pragma once

#include <atomic>
#include <cstddef>

namespace varve {

class Arena {
 public:
  explicit Arena(size_t block_bytes = 256 << 10);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Aligned to 8. A request over a quarter of a block that the current one has no room for
  // gets a block of its own.
  // Returns nullptr when the system has no memory.
  char* Allocate(size_t size) {
    size = (size + 7) & ~size_t{7};
    if (size - 1 < remaining_) {  // false for 0, which the slow path knows
      char* result = next_;
      next_ += size;
      remaining_ -= size;
      return result;
    }
    return AllocateSlow(size);
  }

  size_t block_bytes() const { return block_bytes_; }
  size_t bytes_reserved() const { return bytes_reserved_.load(std::memory_order_relaxed); }

 private:
  char* AllocateSlow(size_t size);
  char* NewBlock(size_t size);

  const size_t block_bytes_;
  char* next_ = nullptr;
  size_t remaining_ = 0;
  char* newest_block_ = nullptr;  // each block begins with a pointer to the one before it
  std::atomic<size_t> bytes_reserved_{0};
};

}  // namespace varve
