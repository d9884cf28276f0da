// MergeRules: which entries and range tombstones of a merge are kept; see jobs.h for the rules.
//
// Sees the entries in their order and only ever moves forward, so that every question about a
// key costs a comparison or two. Thread safety: one thread at a time.
#pragma once

#include <memory>
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
  enum class Verdict : uint8_t { kDrop, kKeep, kKeepForSnapshot };
  using Sources = std::vector<std::shared_ptr<const RangeTombstones>>;

  // `facts` must outlive the rules; `sources` are the range tombstones of all inputs.
  MergeRules(const MergeFacts& facts, const Sources& sources);
  MergeRules(const MergeRules&) = delete;
  MergeRules& operator=(const MergeRules&) = delete;

  // REQUIRES: entries in their order; `newest`: no entry of this key came before.
  Verdict Decide(Slice key, bool newest, uint64_t trailer, Slice value);
  // What is left of the range tombstones of all inputs.
  const RangeTombstones& kept_ranges() const { return kept_ranges_; }

 private:
  // Number of snapshots that cannot see `sequence`: 0 is older than every snapshot.
  size_t StratumOf(Sequence sequence) const;
  Sequence NewestOf(size_t stratum) const;
  bool IsGone(Kind kind, Slice value) const;
  void MoveRangesTo(Slice key);
  void KeepRanges();

  const MergeFacts& facts_;
  DeeperSpans deeper_;
  RangeTombstones ranges_;
  RangeTombstones kept_ranges_;
  size_t fragment_at_ = 0;
  const RangeTombstones::Fragment* covering_ = nullptr;  // covers the present key
  size_t stratum_ = 0;                                   // of the entry before, same key
};

}  // namespace varve
