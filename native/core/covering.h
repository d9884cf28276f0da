// Covering: the range tombstones of several sources, as a walk over keys sees them.
//
// Thread safety: one thread at a time.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/cursor.h"
#include "core/range_tombstones.h"

namespace varve {

// Lists in key order that do not overlap, none of them empty: a level's, or one by itself.
using RangeRun = std::span<const RangeTombstones* const>;

class Covering {
 public:
  struct Part {
    RangeRun run;
    Sequence floor = 0;  // only tombstones above it count
  };

  // Of `parts`, whose lists must outlive it, the tombstones up to `visible` count.
  Covering(std::vector<Part> parts, Sequence visible)
      : parts_(std::move(parts)), visible_(visible) {}

  // Newest sequence of a tombstone that covers `key`; 0 if there is none. Keys near the one
  // before cost two comparisons, however many lists there are.
  Sequence At(Slice key) {
    if (parts_.empty()) return 0;
    if (!located_ || key < start_ || (has_end_ && key >= end_)) Locate(key);
    return newest_;
  }
  // The span around the last key asked where the answer is the same. REQUIRES: it was > 0.
  Slice start() const { return start_; }
  Slice end() const { return end_; }

 private:
  void Locate(Slice key);
  void Narrow(const Part& part, Slice key);
  void EndAt(Slice end);

  const std::vector<Part> parts_;
  const Sequence visible_;
  bool located_ = false;
  bool has_end_ = false;
  Slice start_, end_;  // bytes of fragments
  Sequence newest_ = 0;
};

// A cursor over `child` that leaps over spans where `covering` finds any tombstone: all entries of
// the child there must be older than that. It may still show entries that are covered: a leap is
// not worth while for a few, and one move never passes over many.
std::unique_ptr<Cursor> NewLeapingCursor(std::unique_ptr<Cursor> child, Covering covering,
                                         bool reverse);

}  // namespace varve
