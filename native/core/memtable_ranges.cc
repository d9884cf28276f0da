#include "core/memtable_ranges.h"

#include <utility>

namespace varve {
namespace {

constexpr int kParts = 4;

}  // namespace

void MemtableRanges::Add(const RangeSpan& span) {
  Node& added = nodes_.emplace_back();
  added.list = RangeTombstones::Of(span);
  added.first = added.last = span.sequence;
  added.before = newest_.load(std::memory_order_relaxed);
  size_t bytes = sizeof(Node) + added.list.bytes();
  const Node* newest = &added;
  while (const Node* merged = Merge(newest)) {
    bytes += sizeof(Node) + merged->list.bytes();
    newest = merged;
  }
  size_.store(size() + 1, std::memory_order_relaxed);
  bytes_.store(this->bytes() + bytes, std::memory_order_relaxed);
  newest_.store(newest, std::memory_order_release);
}

// A node of those from `newest` back, if there are enough of its rank; else nullptr.
const MemtableRanges::Node* MemtableRanges::Merge(const Node* newest) {
  const Node* oldest = newest;
  for (int i = 1; i < kParts; ++i) {
    oldest = oldest->before;
    if (oldest == nullptr || oldest->rank != newest->rank) return nullptr;
  }
  Node& merged = nodes_.emplace_back();
  merged.rank = newest->rank + 1;
  merged.first = oldest->first;
  merged.last = newest->last;
  merged.before = oldest->before;
  merged.parts = newest;
  const Node* part = newest->before;
  merged.list = RangeTombstones::Overlaid(newest->list, part->list);
  while (part != oldest) {
    part = part->before;
    merged.list = RangeTombstones::Overlaid(merged.list, part->list);
  }
  return &merged;
}

Sequence MemtableRanges::Covering(Slice key, Sequence visible) const {
  return CoveringIn(newest_.load(std::memory_order_acquire), nullptr, key, visible);
}

// The chain goes from the newest back, so the first answer is the newest.
Sequence MemtableRanges::CoveringIn(const Node* from, const Node* to, Slice key, Sequence visible) {
  for (const Node* node = from; node != to; node = node->before) {
    if (node->first > visible) continue;
    const Sequence found = node->last <= visible
                               ? node->list.Covering(key, visible)
                               : CoveringIn(node->parts, node->before, key, visible);
    if (found != 0) return found;
  }
  return 0;
}

void MemtableRanges::CollectLists(Sequence visible,
                                  std::vector<const RangeTombstones*>* lists) const {
  CollectIn(newest_.load(std::memory_order_acquire), nullptr, visible, lists);
}

void MemtableRanges::CollectIn(const Node* from, const Node* to, Sequence visible,
                               std::vector<const RangeTombstones*>* lists) {
  for (const Node* node = from; node != to; node = node->before) {
    if (node->first > visible) continue;
    if (node->last <= visible) {
      lists->push_back(&node->list);
    } else {
      CollectIn(node->parts, node->before, visible, lists);
    }
  }
}

void MemtableRanges::CollectSpans(std::vector<RangeSpan>* spans) const {
  CollectSpansIn(newest_.load(std::memory_order_acquire), nullptr, spans);
}

void MemtableRanges::CollectSpansIn(const Node* from, const Node* to,
                                    std::vector<RangeSpan>* spans) {
  for (const Node* node = from; node != to; node = node->before) {
    if (node->parts == nullptr) {
      node->list.AppendTo(spans);
    } else {
      CollectSpansIn(node->parts, node->before, spans);
    }
  }
}

}  // namespace varve
