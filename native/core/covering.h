// Covering: the range tombstones of several sources, as a walk over keys sees them.
//
// Thread safety: one thread at a time.
#pragma once

#include <memory>
#include <vector>

#include "core/cursor.h"
#include "core/range_tombstones.h"

namespace varve {

using RangeTombstoneLists = std::vector<std::shared_ptr<const RangeTombstones>>;

class Covering {
 public:
  // Of `lists`, which must outlive it, the tombstones up to `visible` count.
  Covering(const RangeTombstoneLists* lists, Sequence visible) : lists_(lists), visible_(visible) {}

  // Newest sequence of a tombstone that covers `key`; 0 if there is none. Keys near the one
  // before cost two comparisons, however many lists there are.
  Sequence At(Slice key) {
    if (lists_->empty()) return 0;
    if (!located_ || key < start_ || (has_end_ && key >= end_)) Locate(key);
    return newest_;
  }
  // The span around the last key asked where the answer is the same. REQUIRES: it was > 0.
  Slice start() const { return start_; }
  Slice end() const { return end_; }

 private:
  void Locate(Slice key);
  void Narrow(const RangeTombstones& list, Slice key);

  const RangeTombstoneLists* const lists_;
  const Sequence visible_;
  bool located_ = false;
  bool has_end_ = false;
  Slice start_, end_;  // bytes of fragments
  Sequence newest_ = 0;
};

// A cursor over `child`, all of whose entries are at or below `sequence_last`, that leaps over
// spans covered by a newer visible tombstone of `lists`. It may still show entries that are
// covered: a leap is not worth while for a few, and one move never passes over many.
std::unique_ptr<Cursor> NewLeapingCursor(std::unique_ptr<Cursor> child,
                                         const RangeTombstoneLists* lists, Sequence visible,
                                         Sequence sequence_last, bool reverse);

}  // namespace varve
