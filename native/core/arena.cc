#include "core/arena.h"

#include <cstring>
#include <new>

namespace varve {
namespace {

// In front of every block: the block before it. Twice a pointer, so that what follows
// is aligned as the allocator's own memory is.
constexpr size_t kLinkBytes = 16;

}  // namespace

Arena::Arena(size_t block_bytes) : block_bytes_((block_bytes + 7) & ~size_t{7}) {}

Arena::~Arena() {
  while (newest_block_ != nullptr) {
    char* const block = newest_block_;
    std::memcpy(&newest_block_, block, sizeof(newest_block_));
    ::operator delete(block);
  }
}

char* Arena::AllocateSlow(size_t size) {
  if (size == 0) size = 8;  // nullptr means that there is no memory
  if (size <= remaining_) return Allocate(size);
  if (size > block_bytes_ / 4) return NewBlock(size);
  char* const block = NewBlock(block_bytes_);
  if (block == nullptr) return nullptr;
  next_ = block + size;
  remaining_ = block_bytes_ - size;
  return block;
}

char* Arena::NewBlock(size_t size) {
  auto* const block = static_cast<char*>(::operator new(kLinkBytes + size, std::nothrow));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &newest_block_, sizeof(newest_block_));
  newest_block_ = block;
  bytes_reserved_.fetch_add(kLinkBytes + size, std::memory_order_relaxed);
  return block + kLinkBytes;
}

}  // namespace varve
