// SkipList: entries in order, inline in an arena; one writer, lock-free readers.
//
// A node holds its entry (key, trailer, value) and a tower of links. Each link
// carries, beside the pointer, the KeyPrefix of the node it leads to, so that
// most steps of a search are decided without touching the next node.
// `common` (see KeyPrefix) is fixed at construction: a hint, never correctness.
//
// Thread safety: Insert by one thread at a time; everything else from any thread,
// concurrently with Insert. A node is published by release stores of the links
// to it, bottom level first, and never changes or moves afterwards.
// Heights come from a xorshift seeded by a constant: same inserts, same list.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/arena.h"
#include "core/format.h"

namespace varve {

class SkipList {
 public:
  static constexpr int kHeightMax = 14;
  struct Node;
  struct Link {
    std::atomic<Node*> next;
    std::atomic<uint64_t> prefix;
  };
  struct Node {
    uint64_t trailer;
    uint32_t key_size;
    uint32_t value_size;
    // followed by key bytes, value bytes; preceded by the tower
    Slice key() const { return Slice(bytes(), key_size); }
    Slice value() const { return Slice(bytes() + key_size, value_size); }
    const Link& link(int level) const { return reinterpret_cast<const Link*>(this)[-1 - level]; }
    Link& link(int level) { return reinterpret_cast<Link*>(this)[-1 - level]; }

   private:
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  };

  SkipList(Arena* arena, Slice common);
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  // REQUIRES: no entry with this key and trailer. Remembers the place (splice), so that
  // a run of ascending or near keys costs O(log distance). nullptr: no memory.
  // `value_head` and `value` are stored one after the other (an expiry, then the bytes).
  Node* Insert(Slice key, uint64_t trailer, Slice value_head, Slice value);

  const Node* First() const { return head_ == nullptr ? nullptr : Next(head_); }
  const Node* Last() const;
  const Node* SeekAtOrAfter(Slice key, uint64_t trailer) const;
  const Node* SeekBefore(Slice key, uint64_t trailer) const;  // last node < (key, trailer)
  static const Node* Next(const Node* node) {
    return node->link(0).next.load(std::memory_order_acquire);
  }
  // The last nodes before (key, trailer), in order: at least one if there is any, at most
  // `max`, about sixteen. One search for many steps back. Returns how many.
  int CollectBefore(Slice key, uint64_t trailer, const Node** nodes, int max) const;

 private:
  // Where the last insert went: at each level the neighbours `prev` < place < `next`.
  // Always tight (prev[l] links to next[l]), as only Insert changes links.
  struct Splice {
    Node* prev[kHeightMax];
    Node* next[kHeightMax];
    uint64_t prev_prefix[kHeightMax];
    uint64_t next_prefix[kHeightMax];
  };
  struct Place {
    Slice key;
    uint64_t trailer;
    uint64_t prefix;
  };

  int RandomHeight();
  bool IsWithin(int level, const Place& place) const;
  void FindSplice(const Place& place);
  Node* NewNode(const Place& place, int height, Slice value_head, Slice value);
  // Last node < place, or the head; stops at `level`, the lowest one to look at.
  const Node* FindBefore(const Place& place, int level) const;

  Arena* const arena_;
  const std::string common_;
  Node* head_;
  std::atomic<int> height_{1};  // levels in use
  uint32_t random_ = 0x9e3779b9;
  Splice splice_;
};

}  // namespace varve
