// MemtableRanges: the range tombstones of a memtable, growing.
//
// They lie in nodes, one chain from the newest back to the oldest. A tombstone begins as a node of
// its own; four nodes of a rank become the parts of one of the next rank, whose list is fragmented
// over all of them. So each tombstone is fragmented anew a logarithm of times, and a lookup asks a
// logarithm of lists. A list holds the newest sequence of each fragment only, so that nested
// tombstones take no more room than others; a reader who sees but some of a node's tombstones
// asks its parts, which stay.
//
// Thread safety: one thread adds; everything else from any thread, without a lock. A node never
// changes once it is in the chain, and lives as long as the memtable.
#pragma once

#include <atomic>
#include <deque>
#include <vector>

#include "core/range_tombstones.h"

namespace varve {

class MemtableRanges {
 public:
  // REQUIRES: start < end; a sequence above all before; the keys outlive this.
  void Add(const RangeSpan& span);
  bool empty() const { return newest_.load(std::memory_order_acquire) == nullptr; }
  // Newest sequence <= visible of a tombstone that covers `key`; 0 if there is none.
  Sequence Covering(Slice key, Sequence visible) const;
  // Adds lists that, together, hold all tombstones <= visible: the newest sequence of each
  // fragment.
  void CollectLists(Sequence visible, std::vector<const RangeTombstones*>* lists) const;
  // Adds all tombstones.
  void CollectSpans(std::vector<RangeSpan>* spans) const;
  uint64_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Node {
    RangeTombstones list;
    int rank = 0;
    Sequence first = 0, last = 0;  // of its tombstones
    const Node* before = nullptr;  // in the chain, older
    const Node* parts = nullptr;   // the newest of them; the others follow, up to `before`
  };

  const Node* Merge(const Node* newest);
  static Sequence CoveringIn(const Node* from, const Node* to, Slice key, Sequence visible);
  static void CollectIn(const Node* from, const Node* to, Sequence visible,
                        std::vector<const RangeTombstones*>* lists);
  static void CollectSpansIn(const Node* from, const Node* to, std::vector<RangeSpan>* spans);

  std::deque<Node> nodes_;  // the writer's; they never move
  std::atomic<const Node*> newest_{nullptr};
  std::atomic<uint64_t> size_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace varve
