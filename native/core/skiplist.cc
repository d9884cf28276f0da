#include "core/skiplist.h"

#include <bit>
#include <cstring>
#include <new>

namespace varve {
namespace {

// The prefix of "no node": orders after every key.
constexpr uint64_t kPrefixEnd = ~uint64_t{0};
// CollectBefore starts from a level whose nodes are about 4^2 apart.
constexpr int kCollectLevel = 2;

int Compare(const SkipList::Node* node, Slice key, uint64_t trailer) {
  return CompareEntries(node->key(), node->trailer, key, trailer);
}

}  // namespace

SkipList::SkipList(Arena* arena, Slice common) : arena_(arena), common_(common) {
  head_ = NewNode(Place{Slice(), 0, 0}, kHeightMax, Slice(), Slice());
  for (int level = 0; level < kHeightMax; ++level) {
    splice_.prev[level] = head_;
    splice_.next[level] = nullptr;
    splice_.prev_prefix[level] = 0;
    splice_.next_prefix[level] = kPrefixEnd;
  }
}

int SkipList::RandomHeight() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  // Two zero bits a level: one node in four reaches the next. The guard bit ends the count.
  return 1 + std::countr_zero(random_ | 1u << (2 * (kHeightMax - 1))) / 2;
}

// Is the place between the remembered neighbours at this level?
bool SkipList::IsWithin(int level, const Place& place) const {
  const uint64_t before = splice_.prev_prefix[level];
  if (before > place.prefix) return false;
  const uint64_t after = splice_.next_prefix[level];
  if (after < place.prefix) return false;
  const Node* prev = splice_.prev[level];
  if (before == place.prefix && prev != head_ && Compare(prev, place.key, place.trailer) > 0) {
    return false;
  }
  const Node* next = splice_.next[level];
  return after != place.prefix || next == nullptr || Compare(next, place.key, place.trailer) > 0;
}

// Climbs from the last place until it encloses the new one, then narrows down again.
void SkipList::FindSplice(const Place& place) {
  const int height = height_.load(std::memory_order_relaxed);
  int level = 0;
  while (level < height && !IsWithin(level, place)) ++level;

  Node* node = level == height ? head_ : splice_.prev[level];
  uint64_t node_prefix = level == height ? 0 : splice_.prev_prefix[level];
  const Node* bound = level == height ? nullptr : splice_.next[level];
  while (--level >= 0) {
    Node* next;
    uint64_t prefix;
    for (;;) {
      const Link& link = node->link(level);
      next = link.next.load(std::memory_order_relaxed);
      prefix = link.prefix.load(std::memory_order_relaxed);
      if (next == bound || prefix > place.prefix) break;
      if (prefix == place.prefix && Compare(next, place.key, place.trailer) > 0) break;
      node = next;
      node_prefix = prefix;
    }
    bound = next;
    splice_.prev[level] = node;
    splice_.prev_prefix[level] = node_prefix;
    splice_.next[level] = next;
    splice_.next_prefix[level] = prefix;
  }
}

SkipList::Node* SkipList::NewNode(const Place& place, int height, Slice value_head, Slice value) {
  const size_t tower = sizeof(Link) * height;
  const size_t value_size = value_head.size() + value.size();
  char* bytes = arena_->Allocate(tower + sizeof(Node) + place.key.size() + value_size);
  if (bytes == nullptr) return nullptr;
  for (int level = 0; level < height; ++level) {
    new (bytes + sizeof(Link) * level) Link{{nullptr}, {kPrefixEnd}};
  }
  Node* node = new (bytes + tower) Node;
  node->trailer = place.trailer;
  node->key_size = static_cast<uint32_t>(place.key.size());
  node->value_size = static_cast<uint32_t>(value_size);
  char* to = bytes + tower + sizeof(Node);
  // An empty slice may point to nothing, which memcpy must not be given.
  for (const Slice part : {place.key, value_head, value}) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  return node;
}

SkipList::Node* SkipList::Insert(Slice key, uint64_t trailer, Slice value_head, Slice value) {
  if (head_ == nullptr) return nullptr;
  const Place place{key, trailer, KeyPrefix(key, common_)};
  FindSplice(place);
  const int height = RandomHeight();
  Node* node = NewNode(place, height, value_head, value);
  if (node == nullptr) return nullptr;
  if (height > height_.load(std::memory_order_relaxed)) {
    height_.store(height, std::memory_order_relaxed);
  }
  for (int level = 0; level < height; ++level) {
    Link& link = node->link(level);
    link.next.store(splice_.next[level], std::memory_order_relaxed);
    link.prefix.store(splice_.next_prefix[level], std::memory_order_relaxed);
  }
  for (int level = 0; level < height; ++level) {
    // Pointer before prefix, the other way round in readers: see FindBefore.
    Link& link = splice_.prev[level]->link(level);
    link.next.store(node, std::memory_order_release);
    link.prefix.store(place.prefix, std::memory_order_release);
    splice_.prev[level] = node;
    splice_.prev_prefix[level] = place.prefix;
  }
  return node;
}

// A link only ever moves to smaller nodes. Its prefix is read before its pointer, so the
// pointer is as new or newer: the node is at or before the one the prefix belongs to.
// Hence "prefix < place" is always right to go on; "prefix > place" may be outdated,
// which is harmless here (a step not taken) and checked again in SeekAtOrAfter.
const SkipList::Node* SkipList::FindBefore(const Place& place, int level_last) const {
  const Node* node = head_;
  if (node == nullptr) return nullptr;
  int level = height_.load(std::memory_order_relaxed) - 1;
  if (level < level_last) return node;
  for (;;) {
    const Link& link = node->link(level);
    const uint64_t prefix = link.prefix.load(std::memory_order_acquire);
    const Node* next = link.next.load(std::memory_order_acquire);
    if (prefix < place.prefix ||
        (prefix == place.prefix && next != nullptr && Compare(next, place.key, place.trailer) < 0)) {
      node = next;
    } else if (--level < level_last) {
      return node;
    }
  }
}

const SkipList::Node* SkipList::SeekAtOrAfter(Slice key, uint64_t trailer) const {
  const Node* node = FindBefore(Place{key, trailer, KeyPrefix(key, common_)}, 0);
  if (node == nullptr) return nullptr;
  do {
    node = Next(node);
  } while (node != nullptr && Compare(node, key, trailer) < 0);
  return node;
}

const SkipList::Node* SkipList::SeekBefore(Slice key, uint64_t trailer) const {
  const Node* node = FindBefore(Place{key, trailer, KeyPrefix(key, common_)}, 0);
  return node == head_ ? nullptr : node;
}

int SkipList::CollectBefore(Slice key, uint64_t trailer, const Node** nodes, int max) const {
  const Node* node = FindBefore(Place{key, trailer, KeyPrefix(key, common_)}, kCollectLevel);
  if (node == nullptr) return 0;
  int count = 0;
  if (node != head_) nodes[count++] = node;
  for (node = Next(node); node != nullptr && Compare(node, key, trailer) < 0; node = Next(node)) {
    if (count == max) {  // forget the front half
      count = max - max / 2;
      std::memmove(nodes, nodes + max / 2, count * sizeof(*nodes));
    }
    nodes[count++] = node;
  }
  return count;
}

const SkipList::Node* SkipList::Last() const {
  const Node* node = head_;
  if (node == nullptr) return nullptr;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    while (const Node* next = node->link(level).next.load(std::memory_order_acquire)) node = next;
  }
  return node == head_ ? nullptr : node;
}

}  // namespace varve
