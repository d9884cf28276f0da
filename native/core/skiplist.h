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
    Slice key() const;
    Slice value() const;
    int height() const;
    const Link& link(int level) const;
    Link& link(int level);
  };

  SkipList(Arena* arena, Slice common);
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  // REQUIRES: no entry with this key and trailer. Remembers the place (splice), so that
  // a run of ascending or near keys costs O(log distance). nullptr: no memory.
  // `value_head` and `value` are stored one after the other (an expiry, then the bytes).
  Node* Insert(Slice key, uint64_t trailer, Slice value_head, Slice value);

  Node* First() const;
  Node* Last() const;
  Node* SeekAtOrAfter(Slice key, uint64_t trailer) const;
  Node* SeekBefore(Slice key, uint64_t trailer) const;  // last node < (key, trailer)
  static Node* Next(const Node* node);

 private:
  struct Splice;
  // …implementation's own
};

}  // namespace varve
