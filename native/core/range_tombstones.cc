#include "core/range_tombstones.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "core/coding.h"

namespace varve {
namespace {

using Fragment = RangeTombstones::Fragment;
using Active = std::multiset<Sequence, std::greater<>>;

// A place where a tombstone begins or ends.
struct Bound {
  const std::string* key;
  Sequence sequence;
  bool begins;
};

std::vector<Bound> SortedBounds(const std::vector<RangeTombstone>& tombstones) {
  std::vector<Bound> bounds;
  bounds.reserve(tombstones.size() * 2);
  for (const RangeTombstone& tombstone : tombstones) {
    if (tombstone.start >= tombstone.end) continue;
    bounds.push_back({&tombstone.start, tombstone.sequence, true});
    bounds.push_back({&tombstone.end, tombstone.sequence, false});
  }
  std::sort(bounds.begin(), bounds.end(),
            [](const Bound& a, const Bound& b) { return *a.key < *b.key; });
  return bounds;
}

// Adds [start, end), or lengthens the fragment before it when nothing changes between them.
void Append(const std::string& start, const std::string& end, const Active& active,
            std::vector<Fragment>* fragments) {
  std::vector<Sequence> sequences;
  sequences.reserve(active.size());
  std::unique_copy(active.begin(), active.end(), std::back_inserter(sequences));
  if (!fragments->empty()) {
    Fragment& last = fragments->back();
    if (last.end == start && last.sequences == sequences) {
      last.end = end;
      return;
    }
  }
  fragments->push_back({start, end, std::move(sequences)});
}

// Reads one fragment behind `previous` (nullptr: the first).
bool DecodeFragment(Slice* input, const Fragment* previous, Fragment* fragment) {
  Slice start, end;
  uint32_t count;
  if (!GetLengthPrefixed(input, &start) || !GetLengthPrefixed(input, &end)) return false;
  if (!GetVarint32(input, &count) || count == 0 || count > input->size()) return false;
  if (start >= end || (previous != nullptr && start < previous->end)) return false;
  fragment->start.assign(start);
  fragment->end.assign(end);
  fragment->sequences.reserve(count);
  for (Sequence bound = kSequenceMax + 1; count > 0; --count) {
    Sequence sequence;
    if (!GetVarint64(input, &sequence) || sequence == 0 || sequence >= bound) return false;
    fragment->sequences.push_back(sequence);
    bound = sequence;
  }
  return true;
}

}  // namespace

RangeTombstones::RangeTombstones(const std::vector<RangeTombstone>& tombstones) {
  const std::vector<Bound> bounds = SortedBounds(tombstones);
  Active active;
  const std::string* start = nullptr;
  for (const Bound& bound : bounds) {
    if (!active.empty() && *start < *bound.key) Append(*start, *bound.key, active, &fragments_);
    start = bound.key;
    // Ends may sort before begins at the same key, never before their own.
    if (bound.begins) {
      active.insert(bound.sequence);
    } else {
      active.erase(active.find(bound.sequence));
    }
  }
}

const Fragment* RangeTombstones::FragmentAt(Slice key) const {
  auto after = std::upper_bound(
      fragments_.begin(), fragments_.end(), key,
      [](Slice key, const Fragment& fragment) { return key < Slice(fragment.start); });
  if (after == fragments_.begin()) return nullptr;
  const Fragment& fragment = *std::prev(after);
  return key < Slice(fragment.end) ? &fragment : nullptr;
}

Sequence RangeTombstones::Covering(Slice key, Sequence visible) const {
  const Fragment* fragment = FragmentAt(key);
  if (fragment == nullptr) return 0;
  const std::vector<Sequence>& sequences = fragment->sequences;
  const auto found =
      std::lower_bound(sequences.begin(), sequences.end(), visible, std::greater<>());
  return found == sequences.end() ? 0 : *found;
}

size_t RangeTombstones::bytes() const {
  size_t bytes = 0;
  for (const Fragment& fragment : fragments_) {
    bytes += sizeof(fragment) + fragment.start.size() + fragment.end.size() +
             fragment.sequences.size() * sizeof(Sequence);
  }
  return bytes;
}

void RangeTombstones::EncodeTo(std::string* to) const {
  PutFixed32(to, static_cast<uint32_t>(fragments_.size()));
  for (const Fragment& fragment : fragments_) {
    PutLengthPrefixed(to, fragment.start);
    PutLengthPrefixed(to, fragment.end);
    PutVarint32(to, static_cast<uint32_t>(fragment.sequences.size()));
    for (const Sequence sequence : fragment.sequences) PutVarint64(to, sequence);
  }
}

Status RangeTombstones::Decode(Slice input, RangeTombstones* tombstones) {
  tombstones->fragments_.clear();
  uint32_t count;
  if (!GetFixed32(&input, &count)) return Status::Corruption("range tombstones are cut short");
  std::vector<Fragment> fragments;
  for (; count > 0; --count) {
    const Fragment* previous = fragments.empty() ? nullptr : &fragments.back();
    Fragment fragment;
    if (!DecodeFragment(&input, previous, &fragment)) {
      return Status::Corruption("range tombstones are malformed");
    }
    fragments.push_back(std::move(fragment));
  }
  if (!input.empty()) return Status::Corruption("bytes follow the range tombstones");
  tombstones->fragments_ = std::move(fragments);
  return Status::Ok();
}

}  // namespace varve
