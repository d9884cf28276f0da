#include "core/merge_rules.h"

#include <algorithm>
#include <cstdint>

#include "core/coding.h"

namespace varve {
namespace {

using Fragment = RangeTombstones::Fragment;

constexpr size_t kNoStratum = SIZE_MAX;

}  // namespace

bool DeeperSpans::MayOverlap(Slice start, Slice end, bool end_inclusive) {
  if (facts_.bottommost) return false;
  for (size_t level = 0; level < at_.size(); ++level) {
    const auto& spans = facts_.deeper[level];
    size_t& at = at_[level];
    while (at < spans.size() && Slice(spans[at].second) < start) ++at;
    if (at == spans.size()) continue;
    const int order = Slice(spans[at].first).compare(end);
    if (order < 0 || (end_inclusive && order == 0)) return true;
  }
  return false;
}

MergeRules::MergeRules(const MergeFacts& facts, const std::vector<RangeSpan>& ranges)
    : facts_(facts), deeper_(facts) {
  if (ranges.empty()) return;
  // Of one stratum a fragment needs its newest sequence only: whoever sees another sees that too.
  ranges_ = RangeTombstones::Fragmented(ranges, &facts.snapshots);
  KeepRanges();
}

void MergeRules::KeepRanges() {
  DeeperSpans deeper(facts_);
  std::vector<RangeSpan> kept;
  for (const Fragment& fragment : ranges_.fragments()) {
    const bool hides_deeper = deeper.MayOverlap(fragment.start, fragment.end);
    for (size_t i = 0; i < fragment.count(); ++i) {
      const size_t stratum = StratumOf(fragment.sequence(i));
      if (stratum == 0 && !hides_deeper) continue;
      kept.push_back({fragment.start, fragment.end, fragment.sequence(i)});
      if (!hides_deeper) {
        ranges_held_for_ = std::max(ranges_held_for_, SnapshotBelow(stratum));
      } else if (i > 0) {
        const Sequence over = SnapshotBelow(StratumOf(fragment.sequence(i - 1)));
        ranges_held_for_ = std::max(ranges_held_for_, over);
      }
    }
  }
  kept_ranges_ = RangeTombstones::Fragmented(kept);
}

size_t MergeRules::StratumOf(Sequence sequence) const {
  const std::vector<Sequence>& snapshots = facts_.snapshots;
  if (snapshots.empty()) return 0;
  return static_cast<size_t>(std::lower_bound(snapshots.begin(), snapshots.end(), sequence) -
                             snapshots.begin());
}

bool MergeRules::IsGone(Kind kind, Slice value) const {
  if (IsTombstone(kind)) return true;
  if (kind != Kind::kPutExpiring || facts_.expired_ms == 0) return false;
  uint64_t expires_at;
  return GetFixed64(&value, &expires_at) && expires_at <= facts_.expired_ms;
}

void MergeRules::MoveRangesTo(Slice key) {
  const std::vector<Fragment>& fragments = ranges_.fragments();
  while (fragment_at_ < fragments.size() && fragments[fragment_at_].end <= key) {
    ++fragment_at_;
  }
  const bool covers = fragment_at_ < fragments.size() && fragments[fragment_at_].start <= key;
  covering_ = covers ? &fragments[fragment_at_] : nullptr;
}

MergeRules::Verdict MergeRules::Decide(Slice key, bool newest, uint64_t trailer, Slice value) {
  const Sequence sequence = TrailerSequence(trailer);
  const size_t stratum = StratumOf(sequence);
  // Of what hides the entry from all later readers; the one below it is the last that sees it.
  size_t hidden_from = newest ? kNoStratum : stratum_;
  if (newest && !ranges_.empty()) MoveRangesTo(key);
  if (hidden_from == stratum) return {};
  stratum_ = stratum;
  if (covering_ != nullptr) {
    const size_t above = covering_->CountAbove(sequence);
    if (above > 0) hidden_from = std::min(hidden_from, StratumOf(covering_->sequence(above - 1)));
    if (hidden_from == stratum) return {};
  }
  Verdict verdict;
  verdict.is_kept = true;
  if (hidden_from != kNoStratum) verdict.held_for = SnapshotBelow(hidden_from);
  if (!IsGone(TrailerKind(trailer), value)) return verdict;
  verdict.as_tombstone = !IsTombstone(TrailerKind(trailer));
  if (deeper_.MayHold(key)) return verdict;
  if (stratum == 0) return {};
  verdict.held_for = SnapshotBelow(stratum);
  return verdict;
}

}  // namespace varve
