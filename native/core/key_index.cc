#include "core/key_index.h"

#include <algorithm>
#include <bit>

namespace varve {
namespace {

constexpr size_t kBytesPerSlot = 64;
constexpr size_t kSlotsMin = 64;

}  // namespace

KeyIndex::KeyIndex(size_t bytes_expected) {
  static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);
  const size_t slots = std::bit_ceil(std::max(bytes_expected / kBytesPerSlot, kSlotsMin));
  mask_ = slots - 1;
  room_ = slots / 8 * 7;
  // calloc: large blocks come as zero pages, which the system makes when they are touched.
  slots_.reset(static_cast<std::atomic<uint64_t>*>(std::calloc(slots, sizeof(uint64_t))));
  if (slots_ == nullptr) complete_.store(false, std::memory_order_relaxed);
}

void KeyIndex::Put(uint64_t hash, const EntryTree::Entry* entry) {
  if (slots_ == nullptr) return;
  const auto pointer = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(entry));
  if (pointer >> kTagShift != 0) {  // an address space this wide: the tree alone then
    complete_.store(false, std::memory_order_release);
    return;
  }
  size_t at = hash & mask_;
  for (;; at = (at + 1) & mask_) {
    const uint64_t slot = slots_[at].load(std::memory_order_relaxed);
    if (slot == 0) {
      if (room_ == 0) {
        complete_.store(false, std::memory_order_release);
        return;
      }
      --room_;
      break;
    }
    if ((slot ^ hash) >> kTagShift == 0 && EntryOf(slot)->key() == entry->key()) break;
  }
  slots_[at].store(hash >> kTagShift << kTagShift | pointer, std::memory_order_release);
}

}  // namespace varve
