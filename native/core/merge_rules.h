// MergeRules: which entries and range tombstones of a merge are kept; see jobs.h for the rules.
//
// Sees the entries in their order and only ever moves forward, so that every question about a
// key costs a comparison or two. Thread safety: one thread at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/jobs.h"
#include "core/range_tombstones.h"

namespace varve {

// Whether tables below the output may hold a key. Questions come in key order.
class DeeperSpans {
 public:
  // `facts` must outlive this.
  explicit DeeperSpans(const MergeFacts& facts) : facts_(facts), at_(facts.deeper.size(), 0) {}

  bool MayHold(Slice key) { return MayOverlap(key, key, true); }
  // Any key of [start, end).
  bool MayOverlap(Slice start, Slice end) { return MayOverlap(start, end, false); }

 private:
  bool MayOverlap(Slice start, Slice end, bool end_inclusive);

  const MergeFacts& facts_;
  std::vector<size_t> at_;  // per level: the first span that does not end before the question
};

class MergeRules {
 public:
  struct Verdict {
    bool is_kept = false;
    bool as_tombstone = false;  // in the entry's place: it is due
    Sequence held_for = 0;      // the newest snapshot but for which it would go; 0: it would not
  };

  // `facts` must outlive the rules; `ranges` are the range tombstones of all inputs.
  MergeRules(const MergeFacts& facts, const std::vector<RangeSpan>& ranges);
  MergeRules(const MergeRules&) = delete;
  MergeRules& operator=(const MergeRules&) = delete;

  // REQUIRES: entries in their order; `newest`: no entry of this key came before.
  Verdict Decide(Slice key, bool newest, uint64_t trailer, Slice value);
  // What is left of the range tombstones of all inputs.
  const RangeTombstones& kept_ranges() const { return kept_ranges_; }
  // The newest snapshot but for which some of them would go; 0: none would.
  Sequence ranges_held_for() const { return ranges_held_for_; }

 private:
  // Number of snapshots that cannot see `sequence`: 0 is older than every snapshot.
  size_t StratumOf(Sequence sequence) const;
  // The snapshot that divides the stratum, which is not 0, from the one below.
  Sequence SnapshotBelow(size_t stratum) const { return facts_.snapshots[stratum - 1]; }
  bool IsGone(Kind kind, Slice value) const;
  void MoveRangesTo(Slice key);
  void KeepRanges();

  const MergeFacts& facts_;
  DeeperSpans deeper_;
  RangeTombstones ranges_;
  RangeTombstones kept_ranges_;
  Sequence ranges_held_for_ = 0;
  size_t fragment_at_ = 0;
  const RangeTombstones::Fragment* covering_ = nullptr;  // covers the present key
  size_t stratum_ = 0;                                   // of the entry before, same key
};

}  // namespace varve
