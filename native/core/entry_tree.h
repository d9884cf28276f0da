// EntryTree: entries in order, in an arena; one writer, readers that never wait.
//
// An entry (key, trailer, value) is written once and never moves. Pages of up to 14 slots
// lead to entries: a B+ tree whose leaves are chained. Beside each pointer a slot holds
// eight bytes of the entry's key, taken behind what all keys of the page's span share
// (`skip`), so that a search decides nearly always without touching entries, and walks
// know the next dozen entries beforehand and fetch them together. A page at the end of
// its level has no upper bound to share a start with: it guesses `skip`, and checks each key
// (it is open) until a right neighbour bounds it.
//
// Invariants:
//  1. `order` lists the slots of a page in key order; live ones first. An insert fills a free
//     slot, then stores `order`: readers see all of it or nothing.
//  2. Only a split frees slots. The new right page is reachable from above before the left
//     one gives up its upper half; changes_ is raised between the two and once more before a
//     freed slot is filled again. A reader that finds changes_ as it was before its descent
//     has read one consistent state; otherwise it descends anew.
//  3. A page's first separator is not looked at: what is below all others goes there.
//
// Thread safety: Insert by one thread at a time; everything else from any thread,
// concurrently with Insert.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/arena.h"
#include "core/format.h"

namespace varve {

class EntryTree {
 public:
  struct Entry {
    uint64_t trailer;
    uint32_t key_size;
    uint32_t value_size;
    // followed by key bytes, value bytes
    Slice key() const { return Slice(bytes(), key_size); }
    Slice value() const { return Slice(bytes() + key_size, value_size); }

   private:
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  };
  struct Page;
  struct InnerPage;
  static constexpr int kSlots = 14;

  // The entries of one leaf, in order, as they were at one moment.
  struct Batch {
    const Entry* entries[kSlots];
    int count = 0;
    const Page* next = nullptr;  // the leaf after it
  };

  explicit EntryTree(Arena* arena);
  EntryTree(const EntryTree&) = delete;
  EntryTree& operator=(const EntryTree&) = delete;

  // REQUIRES: no entry with this key and trailer. Ascending or near keys skip the descent.
  // nullptr: no memory, and nothing changed that a reader could see.
  // `value_head` and `value` are stored one after the other (an expiry, then the bytes).
  const Entry* Insert(Slice key, uint64_t trailer, Slice value_head, Slice value);

  // The leaf where (key, trailer) belongs; returns how many of its entries come before it.
  // None of `batch` does only if no entry at all does.
  int Seek(Slice key, uint64_t trailer, Batch* batch) const;
  void First(Batch* batch) const;
  void Last(Batch* batch) const;
  // The leaf after `batch`; false at the end. Entries that a split moved there may come again.
  bool Next(Batch* batch) const;

  const Entry* SeekAtOrAfter(Slice key, uint64_t trailer) const;

 private:
  static constexpr int kLevelsMax = 24;

  // What a descent looks for: a place among the entries, or either end.
  struct Target {
    enum class Side : uint8_t { kFirst, kPlace, kLast };
    Slice key;
    uint64_t trailer = 0;
    Side side = Side::kPlace;
  };
  struct Step {
    Page* page;
    int at;  // the child taken
  };

  // Readers.
  int Read(const Target& target, Batch* batch) const;
  bool ReadLeaf(const Page* leaf, uint64_t changes, uint64_t* order, Batch* batch) const;
  static int Rank(const Page* page, uint64_t order, const Target& target);

  // The writer.
  bool ReservePages();
  Page* NewPage(int level, uint32_t skip, bool open, const Entry* low, const Entry* base);
  const Entry* NewEntry(const Target& target, Slice value_head, Slice value);
  bool IsInLastLeaf(const Target& target) const;
  void FindLeaf(const Target& target);
  const Entry* HighFence(int level) const;
  static void Fill(Page* page, int at, uint64_t prefix, const Entry* entry, Page* child);
  void Add(int level, int at, const Entry* entry, Page* child);
  Page* NewRight(int level, int keep, const Entry* low);
  void Split(int level, int at, const Entry* entry, Page* child);
  void AddAbove(int level, Page* right);
  void RaiseChanges();

  Arena* const arena_;
  std::atomic<Page*> root_{nullptr};
  std::atomic<uint64_t> changes_{0};
  // The writer's: the way to the last leaf, by level; that leaf's span; room for pages.
  Step path_[kLevelsMax] = {};
  bool path_valid_ = false;
  bool in_run_ = false;  // the last two entries went side by side
  const Page* last_split_ = nullptr;
  const Entry* low_ = nullptr;
  const Entry* high_ = nullptr;
  char* pages_next_ = nullptr;
  size_t pages_room_ = 0;
};

}  // namespace varve
