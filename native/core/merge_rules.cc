#include "core/merge_rules.h"

#include <algorithm>
#include <functional>

#include "core/coding.h"

namespace varve {
namespace {

using Fragment = RangeTombstones::Fragment;

void Append(const Fragment& fragment, std::vector<RangeTombstone>* to) {
  for (const Sequence sequence : fragment.sequences) {
    to->push_back({fragment.start, fragment.end, sequence});
  }
}

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

MergeRules::MergeRules(const MergeFacts& facts, const Sources& sources)
    : facts_(facts), deeper_(facts) {
  std::vector<RangeTombstone> all;
  for (const auto& source : sources) {
    for (const Fragment& fragment : source->fragments()) Append(fragment, &all);
  }
  if (all.empty()) return;
  ranges_ = RangeTombstones(all);
  KeepRanges();
}

// Of one stratum a fragment needs its newest sequence only: whoever sees another sees that too.
void MergeRules::KeepRanges() {
  DeeperSpans deeper(facts_);
  std::vector<RangeTombstone> kept;
  for (const Fragment& fragment : ranges_.fragments()) {
    size_t stratum_before = facts_.snapshots.size() + 1;
    for (const Sequence sequence : fragment.sequences) {
      const size_t stratum = StratumOf(sequence);
      if (stratum == stratum_before) continue;
      stratum_before = stratum;
      if (stratum == 0 && !deeper.MayOverlap(fragment.start, fragment.end)) continue;
      kept.push_back({fragment.start, fragment.end, sequence});
    }
  }
  kept_ranges_ = RangeTombstones(kept);
}

size_t MergeRules::StratumOf(Sequence sequence) const {
  const std::vector<Sequence>& snapshots = facts_.snapshots;
  if (snapshots.empty()) return 0;
  return static_cast<size_t>(std::lower_bound(snapshots.begin(), snapshots.end(), sequence) -
                             snapshots.begin());
}

Sequence MergeRules::NewestOf(size_t stratum) const {
  return stratum < facts_.snapshots.size() ? facts_.snapshots[stratum] : kSequenceMax;
}

bool MergeRules::IsGone(Kind kind, Slice value) const {
  if (IsTombstone(kind)) return true;
  if (kind != Kind::kPutExpiring || facts_.expired_ms == 0) return false;
  uint64_t expires_at;
  return GetFixed64(&value, &expires_at) && expires_at <= facts_.expired_ms;
}

void MergeRules::MoveRangesTo(Slice key) {
  const std::vector<Fragment>& fragments = ranges_.fragments();
  while (fragment_at_ < fragments.size() && Slice(fragments[fragment_at_].end) <= key) {
    ++fragment_at_;
  }
  const bool covers =
      fragment_at_ < fragments.size() && Slice(fragments[fragment_at_].start) <= key;
  covering_ = covers ? &fragments[fragment_at_] : nullptr;
}

MergeRules::Verdict MergeRules::Decide(Slice key, bool newest, uint64_t trailer, Slice value) {
  const Sequence sequence = TrailerSequence(trailer);
  const size_t stratum = StratumOf(sequence);
  if (newest) {
    if (!ranges_.empty()) MoveRangesTo(key);
  } else if (stratum == stratum_) {
    return Verdict::kDrop;
  }
  stratum_ = stratum;
  // Without snapshots an entry that is not the newest, or under any range tombstone, would go.
  bool for_snapshot = !newest;
  if (covering_ != nullptr) {
    const std::vector<Sequence>& over = covering_->sequences;
    const auto found =
        std::lower_bound(over.begin(), over.end(), NewestOf(stratum), std::greater<>());
    if (found != over.end() && *found > sequence) return Verdict::kDrop;
    for_snapshot |= over.front() > sequence;
  }
  if (IsGone(TrailerKind(trailer), value) && (stratum == 0 || !for_snapshot) &&
      !deeper_.MayHold(key)) {
    if (stratum == 0) return Verdict::kDrop;
    for_snapshot = true;
  }
  return for_snapshot ? Verdict::kKeepForSnapshot : Verdict::kKeep;
}

}  // namespace varve
