// A page of an EntryTree (entry_tree.h): an order of slots, and the slots.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/entry_tree.h"

namespace varve {

// A permutation of slots in a word: the count of live ones in the low four bits, then four bits
// for each position. Live slots come first, in key order; the free ones follow.
class SlotOrder {
 public:
  static constexpr uint64_t kEmpty = 0x0dcba98765432100;  // slot i at position i, none live

  explicit SlotOrder(uint64_t word) : word_(word) {}
  uint64_t word() const { return word_; }
  int count() const { return static_cast<int>(word_ & 15); }
  int at(int position) const { return static_cast<int>(word_ >> (4 + 4 * position) & 15); }

  // Brings the first free slot to `position`. REQUIRES: there is one.
  SlotOrder WithInserted(int position) const {
    const uint64_t slots = word_ >> 4;
    const uint64_t free = at(count());
    const uint64_t before = slots & Below(position);
    const uint64_t moved = (slots & Below(count()) & ~Below(position)) << 4;
    const uint64_t after = slots & ~Below(count() + 1);
    const uint64_t changed = before | free << (4 * position) | moved | after;
    return SlotOrder(changed << 4 | static_cast<uint64_t>(count() + 1));
  }
  SlotOrder WithCount(int count) const {
    return SlotOrder((word_ & ~uint64_t{15}) | static_cast<uint64_t>(count));
  }

 private:
  static uint64_t Below(int position) { return (uint64_t{1} << (4 * position)) - 1; }
  uint64_t word_;
};

struct EntryTree::Page {
  Page(int page_level, uint32_t page_skip, bool page_open, const Entry* page_low)
      : low(page_low), skip(page_skip), level(static_cast<uint8_t>(page_level)), open(page_open) {}

  std::atomic<uint64_t> order{SlotOrder::kEmpty};
  std::atomic<Page*> next{nullptr};  // leaves: the one after
  const Entry* const low;            // first entry of the span; nullptr: no bound
  const uint32_t skip;
  const uint8_t level;  // 0: leaf
  // False: all keys of the span share their first `skip` bytes. True: most will, as a guess.
  std::atomic<bool> open;
  std::atomic<uint64_t> prefixes[kSlots];
  std::atomic<const Entry*> entries[kSlots];

  inline uint64_t PrefixOf(Slice key) const;
  inline uint64_t OpenPrefixOf(Slice key) const;
  SlotOrder LoadOrder() const { return SlotOrder(order.load(std::memory_order_acquire)); }
  const Entry* EntryAt(int position) const {
    return entries[LoadOrder().at(position)].load(std::memory_order_acquire);
  }
  inline Page* ChildAt(SlotOrder in, int position) const;
  void Prefetch() const {
    const char* const first = reinterpret_cast<const char*>(this);
    for (size_t at = 0; at < sizeof(Page); at += 64) __builtin_prefetch(first + at);
  }
};

struct EntryTree::InnerPage : EntryTree::Page {
  InnerPage(int level, uint32_t skip, bool open, const Entry* low, const Entry* base)
      : Page(level, skip, open, low), base(base) {}
  std::atomic<Page*> children[kSlots];
  const Entry* const base;  // whose first `skip` bytes they are; `low` in leaves
};

inline EntryTree::Page* EntryTree::Page::ChildAt(SlotOrder in, int position) const {
  const auto* inner = static_cast<const InnerPage*>(this);
  return inner->children[in.at(position)].load(std::memory_order_acquire);
}

inline uint64_t EntryTree::Page::PrefixOf(Slice key) const {
  if (open.load(std::memory_order_acquire)) return OpenPrefixOf(key);
  // A reader led astray beside a split may bring a key from elsewhere.
  key.remove_prefix(key.size() < skip ? key.size() : skip);
  return KeyPrefix(key, Slice());
}

inline uint64_t EntryTree::Page::OpenPrefixOf(Slice key) const {
  const Entry* base = level > 0 ? static_cast<const InnerPage*>(this)->base : low;
  return KeyPrefix(key, base->key().substr(0, skip));
}

}  // namespace varve
