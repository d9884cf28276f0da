// KeyIndex: from a key to its newest entry in a memtable, by hash.
//
// Open addressing with linear probing. slot = 16-bit tag << 48 | pointer, 0 = empty;
// the low bits of the hash choose the slot, the high ones are the tag. At 7/8 full it
// takes no new keys, so that a probe always ends at an empty slot; known keys go on
// being led to their newest entry.
//
// Thread safety: Put by one thread at a time; everything else from any thread. A slot
// is stored with release once its entry is in the tree, and never emptied.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "core/entry_tree.h"

namespace varve {

class KeyIndex {
 public:
  // One slot per 64 bytes, rounded up to a power of two.
  explicit KeyIndex(size_t bytes_expected);

  void Put(uint64_t hash, const EntryTree::Entry* entry);
  // The newest entry of the key; nullptr if it has none here.
  const EntryTree::Entry* Find(Slice key, uint64_t hash) const {
    if (slots_ == nullptr) return nullptr;
    for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const uint64_t slot = slots_[at].load(std::memory_order_acquire);
      if (slot == 0) return nullptr;
      if ((slot ^ hash) >> kTagShift != 0) continue;
      const EntryTree::Entry* entry = EntryOf(slot);
      if (entry->key() == key) return entry;
    }
  }
  void Prefetch(uint64_t hash) const {
    if (slots_ != nullptr) __builtin_prefetch(&slots_[hash & mask_]);
  }
  // Brings the entry near that Find would look at first. Its slot should be near already.
  void PrefetchEntry(uint64_t hash) const {
    if (slots_ == nullptr) return;
    const uint64_t slot = slots_[hash & mask_].load(std::memory_order_relaxed);
    if (slot != 0) __builtin_prefetch(EntryOf(slot));
  }
  // False once a key was turned away: what Find misses may be in the tree all the same.
  // Ask after Find.
  bool complete() const { return complete_.load(std::memory_order_acquire); }
  size_t bytes() const { return slots_ == nullptr ? 0 : (mask_ + 1) * sizeof(uint64_t); }

 private:
  static constexpr int kTagShift = 48;

  static const EntryTree::Entry* EntryOf(uint64_t slot) {
    constexpr uint64_t kPointerMask = (uint64_t{1} << kTagShift) - 1;
    return reinterpret_cast<const EntryTree::Entry*>(static_cast<uintptr_t>(slot & kPointerMask));
  }

  struct Free {
    void operator()(std::atomic<uint64_t>* slots) const { std::free(slots); }
  };
  size_t mask_;
  size_t room_;  // keys it still takes; the writer's
  std::unique_ptr<std::atomic<uint64_t>[], Free> slots_;
  std::atomic<bool> complete_{true};
};

}  // namespace varve
