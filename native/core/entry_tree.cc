#include "core/entry_tree.h"

#include <algorithm>

#include "core/entry_page.h"

namespace varve {
namespace {

int Compare(const EntryTree::Entry* entry, Slice key, uint64_t trailer) {
  return CompareEntries(entry->key(), entry->trailer, key, trailer);
}

}  // namespace

// How many entries (of an inner page: separators, the first one included) come before the target.
int EntryTree::Rank(const Page* page, uint64_t order_word, const Target& target) {
  const SlotOrder order(order_word);
  const int first = page->level > 0 ? 1 : 0;
  if (target.side == Target::Side::kFirst) return first;
  if (target.side == Target::Side::kLast) return order.count();
  const uint64_t prefix = page->PrefixOf(target.key);
  int low = first;
  for (int length = order.count() - first; length > 0;) {
    const int half = length / 2;
    const int slot = order.at(low + half);
    const uint64_t found = page->prefixes[slot].load(std::memory_order_acquire);
    bool before = found < prefix;
    if (found == prefix) [[unlikely]] {
      const Entry* entry = page->entries[slot].load(std::memory_order_acquire);
      before = Compare(entry, target.key, target.trailer) < 0;
    }
    low = before ? low + half + 1 : low;
    length = before ? length - half - 1 : half;
  }
  return low;
}

int EntryTree::Read(const Target& target, Batch* batch) const {
  for (;;) {
    const uint64_t changes = changes_.load(std::memory_order_acquire);
    const Page* page = root_.load(std::memory_order_acquire);
    batch->count = 0;
    if (page == nullptr) return 0;
    while (page->level > 0) {
      const SlotOrder order = page->LoadOrder();
      page = page->ChildAt(order, Rank(page, order.word(), target) - 1);
      page->Prefetch();
    }
    uint64_t order;
    if (!ReadLeaf(page, changes, &order, batch)) continue;
    const int before = Rank(page, order, target);
    // Rank reads slots, too.
    if (changes_.load(std::memory_order_acquire) == changes) return std::min(before, batch->count);
  }
}

// False if changes_ is no longer `changes`, and what was read may not fit together.
bool EntryTree::ReadLeaf(const Page* leaf, uint64_t changes, uint64_t* order_word,
                         Batch* batch) const {
  const SlotOrder order = leaf->LoadOrder();
  *order_word = order.word();
  batch->count = order.count();
  for (int i = 0; i < batch->count; ++i) {
    batch->entries[i] = leaf->entries[order.at(i)].load(std::memory_order_acquire);
  }
  batch->next = leaf->next.load(std::memory_order_acquire);
  // A split links the right page before it shortens the left one. In between both hold the
  // upper half; here it is left to the right page.
  if (batch->next != nullptr) {
    const Entry* const low = batch->next->low;
    for (int i = 0; i < batch->count; ++i) {
      if (batch->entries[i] == low) batch->count = i;
    }
  }
  return changes_.load(std::memory_order_acquire) == changes;
}

int EntryTree::Seek(Slice key, uint64_t trailer, Batch* batch) const {
  return Read({key, trailer, Target::Side::kPlace}, batch);
}

void EntryTree::First(Batch* batch) const { Read({Slice(), 0, Target::Side::kFirst}, batch); }

void EntryTree::Last(Batch* batch) const { Read({Slice(), 0, Target::Side::kLast}, batch); }

bool EntryTree::Next(Batch* batch) const {
  const Page* const leaf = batch->next;
  if (leaf == nullptr) return false;
  uint64_t order;
  while (!ReadLeaf(leaf, changes_.load(std::memory_order_acquire), &order, batch)) continue;
  if (batch->next != nullptr) batch->next->Prefetch();
  return true;
}

const EntryTree::Entry* EntryTree::SeekAtOrAfter(Slice key, uint64_t trailer) const {
  Batch batch;
  const int before = Seek(key, trailer, &batch);
  if (before < batch.count) return batch.entries[before];
  return batch.count > 0 && Next(&batch) ? batch.entries[0] : nullptr;
}

}  // namespace varve
