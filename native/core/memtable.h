// Memtable: what was written since the last flush, in order, in memory.
//
// A tree holds the entries in order; beside it a hash index (open addressing, 16-bit
// tag + 48-bit pointer a slot, one slot per 64 bytes of `bytes_expected`) leads
// from a key to its newest entry, so a point lookup costs one or two cache misses
// hit or miss. When it is 7/8 full it stops taking new keys and lookups of
// absent keys fall back to the tree. Range tombstones are kept apart, in lists of fragments
// (memtable_ranges.h).
//
// Thread safety: one writer; readers from any thread, lock-free. An entry becomes
// visible to a reader by its sequence: readers pass the visible sequence.
#pragma once

#include <atomic>
#include <memory>

#include "core/arena.h"
#include "core/cursor.h"
#include "core/entry_tree.h"
#include "core/key_index.h"
#include "core/lookup.h"
#include "core/memtable_ranges.h"

namespace varve {

class Memtable {
 public:
  // `bytes_expected` sizes the hash index and the blocks of memory.
  explicit Memtable(size_t bytes_expected);
  ~Memtable();

  // REQUIRES: sequence above all those added with the same key; kind != kRangeTombstone.
  // `expires_at` is read for kPutExpiring only. kNoSpace never; kTooLarge, or
  // kIoError when the system has no memory.
  Status Add(Sequence sequence, Kind kind, Slice key, Slice value, uint64_t expires_at);
  // REQUIRES: sequence above those of all ranges added before.
  // An empty span (start >= end) covers nothing and leaves no trace.
  Status AddRange(Sequence sequence, Slice start, Slice end);

  // Raises result->covering by this memtable's range tombstones, then decides the
  // result if the memtable holds a version of key.key at or below key.sequence.
  void Get(const LookupKey& key, LookupResult* result) const;

  // Bring near what Get of a key with this hash touches: first its slot, then, once that is near,
  // its entry.
  void Prefetch(uint64_t hash) const { index_.Prefetch(hash); }
  void PrefetchEntry(uint64_t hash) const { index_.PrefetchEntry(hash); }

  // Entries of all sequences, range tombstones not. The memtable must outlive the cursor.
  std::unique_ptr<Cursor> NewCursor() const;
  const MemtableRanges& ranges() const { return ranges_; }
  // The highest of the entries', range tombstones not counted; 0 if there is none.
  Sequence sequence_last() const { return sequence_last_.load(std::memory_order_acquire); }

  size_t bytes() const;  // reserved by entries, index and ranges: what to hold against a limit
  uint64_t entries() const { return entries_.load(std::memory_order_relaxed); }
  uint64_t tombstones() const { return tombstones_.load(std::memory_order_relaxed); }
  uint64_t expiring() const { return expiring_.load(std::memory_order_relaxed); }

 private:
  // The newest version at or below `sequence`, or nullptr.
  const EntryTree::Entry* Find(const LookupKey& key) const;

  Arena arena_;
  EntryTree tree_;
  KeyIndex index_;
  MemtableRanges ranges_;
  std::atomic<uint64_t> entries_{0}, tombstones_{0}, expiring_{0};
  std::atomic<Sequence> sequence_last_{0};
};

}  // namespace varve
