// The writer's half of EntryTree: see the invariants in entry_tree.h.
#include <algorithm>
#include <cstring>
#include <new>

#include "core/entry_page.h"
#include "core/entry_tree.h"

namespace varve {
namespace {

// Pages are carved out of pieces: an eighth of the arena's block, within these bounds.
constexpr size_t kPieceBytesMin = 1 << 10, kPieceBytesMax = 32 << 10;
constexpr size_t kLineBytes = 64;
// A new page takes a longer shared start only if it is this much longer: computing the prefixes
// anew means touching the entries.
constexpr uint32_t kSkipGainMin = 4;
// An open page's guess leaves this much of what is shared so far for keys that grow.
constexpr uint32_t kSkipMargin = 4;

int Compare(const EntryTree::Entry* entry, Slice key, uint64_t trailer) {
  return CompareEntries(entry->key(), entry->trailer, key, trailer);
}

uint32_t SharedStart(Slice a, Slice b) {
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<uint32_t>(differ.first - a.begin());
}

uint32_t GuessedSkip(const EntryTree::Entry* a, const EntryTree::Entry* b) {
  const uint32_t shared = SharedStart(a->key(), b->key());
  return shared < kSkipMargin ? 0 : shared - kSkipMargin;
}

}  // namespace

EntryTree::EntryTree(Arena* arena) : arena_(arena) {
  if (ReservePages())
    root_.store(NewPage(0, 0, false, nullptr, nullptr), std::memory_order_release);
}

// Room for a split of every level and a new root, so that a split cannot fail half-way.
bool EntryTree::ReservePages() {
  const Page* const root = root_.load(std::memory_order_relaxed);
  const size_t pages = root == nullptr ? 1 : static_cast<size_t>(root->level) + 2;
  const size_t needed = pages * sizeof(InnerPage);
  if (pages_room_ >= needed) return true;
  const size_t usual = std::clamp(arena_->block_bytes() / 8, kPieceBytesMin, kPieceBytesMax);
  const size_t bytes = std::max(usual, needed);
  char* const piece = arena_->Allocate(bytes + kLineBytes);
  if (piece == nullptr) return false;
  pages_next_ = piece + (kLineBytes - reinterpret_cast<uintptr_t>(piece) % kLineBytes);
  pages_room_ = bytes;
  return true;
}

// REQUIRES: reserved.
EntryTree::Page* EntryTree::NewPage(int level, uint32_t skip, bool open, const Entry* low,
                                    const Entry* base) {
  static_assert(sizeof(Page) == 4 * kLineBytes && sizeof(InnerPage) <= 6 * kLineBytes);
  char* const at = pages_next_;
  const size_t bytes = level > 0 ? 6 * kLineBytes : 4 * kLineBytes;
  pages_next_ += bytes;
  pages_room_ -= bytes;
  if (level > 0) return new (at) InnerPage(level, skip, open, low, base);
  return new (at) Page(level, skip, open, low);
}

const EntryTree::Entry* EntryTree::NewEntry(const Target& target, Slice value_head, Slice value) {
  const size_t value_size = value_head.size() + value.size();
  char* const at = arena_->Allocate(sizeof(Entry) + target.key.size() + value_size);
  if (at == nullptr) return nullptr;
  Entry* const entry = new (at) Entry;
  entry->trailer = target.trailer;
  entry->key_size = static_cast<uint32_t>(target.key.size());
  entry->value_size = static_cast<uint32_t>(value_size);
  char* to = at + sizeof(Entry);
  // An empty slice may point to nothing, which memcpy must not be given.
  for (const Slice part : {target.key, value_head, value}) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  return entry;
}

const EntryTree::Entry* EntryTree::Insert(Slice key, uint64_t trailer, Slice value_head,
                                          Slice value) {
  if (root_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  const Target target{key, trailer, Target::Side::kPlace};
  const bool is_near = IsInLastLeaf(target);
  if (!is_near) FindLeaf(target);
  Page* const leaf = path_[0].page;
  const SlotOrder order = leaf->LoadOrder();
  const int count = order.count();
  if (count == kSlots && !ReservePages()) return nullptr;
  const Entry* const entry = NewEntry(target, value_head, value);
  if (entry == nullptr) return nullptr;
  // Ascending keys go behind the last entry, which is at hand then, unlike at random.
  const bool is_last = is_near && count > 0 && Compare(leaf->EntryAt(count - 1), key, trailer) < 0;
  Add(0, is_last ? count : Rank(leaf, order.word(), target), entry, nullptr);
  return entry;
}

bool EntryTree::IsInLastLeaf(const Target& target) const {
  return in_run_ && path_valid_ &&
         (low_ == nullptr || Compare(low_, target.key, target.trailer) < 0) &&
         (high_ == nullptr || Compare(high_, target.key, target.trailer) > 0);
}

void EntryTree::FindLeaf(const Target& target) {
  Page* page = root_.load(std::memory_order_relaxed);
  while (page->level > 0) {
    const SlotOrder order = page->LoadOrder();
    const int at = Rank(page, order.word(), target) - 1;
    path_[page->level] = {page, at};
    page = page->ChildAt(order, at);
    page->Prefetch();
  }
  // Outside a run the last leaf is not asked: its bounds would have to be fetched.
  in_run_ = page == path_[0].page || page == last_split_;
  path_[0] = {page, 0};
  path_valid_ = true;
  low_ = page->low;
  high_ = HighFence(0);
}

// First entry beyond the span of the page on the path; nullptr: none.
const EntryTree::Entry* EntryTree::HighFence(int level) const {
  const int top = root_.load(std::memory_order_relaxed)->level;
  while (++level <= top) {
    const Step& step = path_[level];
    if (step.at + 1 < step.page->LoadOrder().count()) return step.page->EntryAt(step.at + 1);
  }
  return nullptr;
}

void EntryTree::Fill(Page* page, int at, uint64_t prefix, const Entry* entry, Page* child) {
  const SlotOrder order = page->LoadOrder();
  const int slot = order.at(order.count());
  page->prefixes[slot].store(prefix, std::memory_order_release);
  page->entries[slot].store(entry, std::memory_order_release);
  if (page->level > 0) {
    static_cast<InnerPage*>(page)->children[slot].store(child, std::memory_order_release);
  }
  page->order.store(order.WithInserted(at).word(), std::memory_order_release);
}

// Puts an entry (inner pages: a child that begins with it) into the path's page at this level.
void EntryTree::Add(int level, int at, const Entry* entry, Page* child) {
  Page* const page = path_[level].page;
  if (page->LoadOrder().count() < kSlots) {
    Fill(page, at, page->PrefixOf(entry->key()), entry, child);
  } else {
    Split(level, at, entry, child);
  }
}

void EntryTree::Split(int level, int at, const Entry* entry, Page* child) {
  Page* const left = path_[level].page;
  // Keys that ascend leave full pages behind.
  const int keep = at == kSlots ? kSlots : kSlots / 2;
  Page* const right = NewRight(level, keep, keep == kSlots ? entry : left->EntryAt(keep));
  if (at > keep || keep == kSlots) {
    Fill(right, at - keep, right->PrefixOf(entry->key()), entry, child);
  }
  AddAbove(level, right);
  RaiseChanges();
  // Next before order: see ReadLeaf.
  left->next.store(right, std::memory_order_release);
  left->order.store(left->LoadOrder().WithCount(keep).word(), std::memory_order_release);
  if (left->open.load(std::memory_order_relaxed) && left->low != nullptr &&
      SharedStart(left->low->key(), right->low->key()) >= left->skip) {
    left->open.store(false, std::memory_order_release);
  }
  RaiseChanges();
  if (at <= keep && keep < kSlots) Fill(left, at, left->PrefixOf(entry->key()), entry, child);
  path_valid_ = false;
  if (level == 0) last_split_ = right;
}

// A page for what the path's page holds from position `keep` on, which begins with `low`.
EntryTree::Page* EntryTree::NewRight(int level, int keep, const Entry* low) {
  const Page* const left = path_[level].page;
  const bool was_open = left->open.load(std::memory_order_relaxed);
  const Entry* const high = HighFence(level);
  uint32_t skip = left->skip;
  if (high == nullptr) {
    skip = GuessedSkip(left->EntryAt(kSlots - 1), low);
  } else {
    const uint32_t shared = SharedStart(low->key(), high->key());
    if (was_open || shared >= skip + kSkipGainMin) skip = shared;
  }
  Page* const right = NewPage(level, skip, high == nullptr, low, low);
  const bool same_prefixes = !was_open && high != nullptr && skip == left->skip;
  const SlotOrder order = left->LoadOrder();
  for (int i = keep; i < kSlots; ++i) {
    const Entry* const entry = left->EntryAt(i);
    const uint64_t prefix = same_prefixes
                                ? left->prefixes[order.at(i)].load(std::memory_order_relaxed)
                                : right->PrefixOf(entry->key());
    Fill(right, i - keep, prefix, entry, level > 0 ? left->ChildAt(order, i) : nullptr);
  }
  right->next.store(left->next.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return right;
}

// Makes `right` reachable from the level above `level`, beside the path's page.
void EntryTree::AddAbove(int level, Page* right) {
  Page* const root = root_.load(std::memory_order_relaxed);
  if (level < root->level) {
    Add(level + 1, path_[level + 1].at + 1, right->low, right);
    return;
  }
  const uint32_t skip = GuessedSkip(path_[level].page->EntryAt(kSlots / 2 - 1), right->low);
  Page* const above = NewPage(level + 1, skip, true, nullptr, right->low);
  Fill(above, 0, 0, nullptr, root);
  Fill(above, 1, above->PrefixOf(right->low->key()), right->low, right);
  root_.store(above, std::memory_order_release);
}

// Release: who sees what follows sees that it changed.
void EntryTree::RaiseChanges() {
  changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace varve
