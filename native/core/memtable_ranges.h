// MemtableRanges: the range tombstones of a memtable, growing.
//
// Fragmenting anew for each tombstone would cost the square of their number. So they
// lie in chunks, each at least twice as long as the one after it: an add merges a few
// short ones, a lookup asks each (a logarithm of them), and who needs a single list
// gets all chunks merged into one.
//
// Thread safety: one thread adds; everything else from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/range_tombstones.h"

namespace varve {

class MemtableRanges {
 public:
  // REQUIRES: start < end.
  void Add(Slice start, Slice end, Sequence sequence);
  // Newest sequence <= visible of a tombstone that covers `key`; 0 if there is none.
  Sequence Covering(Slice key, Sequence visible) const;
  // All of them as one list, never nullptr.
  std::shared_ptr<const RangeTombstones> List() const;
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    std::vector<RangeTombstone> tombstones;
    std::shared_ptr<const RangeTombstones> list;
    size_t bytes = 0;
  };

  // Merges the chunks from `first` on. REQUIRES: mutex_ held.
  void Merge(size_t first) const;

  mutable std::mutex mutex_;
  mutable std::vector<Chunk> chunks_;  // guarded by mutex_
  mutable std::atomic<size_t> bytes_{0};
};

}  // namespace varve
