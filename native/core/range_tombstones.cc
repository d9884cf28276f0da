#include "core/range_tombstones.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "core/coding.h"
#include "core/prefix_search.h"

namespace varve {
namespace {

using Fragment = RangeTombstones::Fragment;
using Active = std::multiset<Sequence, std::greater<>>;

constexpr size_t kPrefixedMin = 8;  // fewer fragments are searched as they are

// A place where a tombstone begins or ends.
struct Bound {
  Slice key;
  Sequence sequence;
  bool begins;
};

std::vector<Bound> SortedBounds(const std::vector<RangeSpan>& spans) {
  std::vector<Bound> bounds;
  bounds.reserve(spans.size() * 2);
  for (const RangeSpan& span : spans) {
    if (span.start >= span.end) continue;
    bounds.push_back({span.start, span.sequence, true});
    bounds.push_back({span.end, span.sequence, false});
  }
  std::sort(bounds.begin(), bounds.end(),
            [](const Bound& a, const Bound& b) { return a.key < b.key; });
  return bounds;
}

// Of `active` the newest of each stratum between snapshots; nullptr: all.
void Choose(const Active& active, const std::vector<Sequence>* snapshots,
            std::vector<Sequence>* chosen) {
  chosen->clear();
  if (snapshots == nullptr) {
    std::unique_copy(active.begin(), active.end(), std::back_inserter(*chosen));
    return;
  }
  for (auto at = active.begin(); at != active.end();) {
    chosen->push_back(*at);
    const auto above = std::lower_bound(snapshots->begin(), snapshots->end(), *at);
    if (above == snapshots->begin()) break;
    at = active.lower_bound(*std::prev(above));
  }
}

Slice CommonStart(Slice a, Slice b) {
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return a.substr(0, static_cast<size_t>(differ.first - a.begin()));
}

}  // namespace

// Makes a list, fragment by fragment.
class RangeTombstones::Builder {
 public:
  explicit Builder(RangeTombstones* list) : list_(list) {}

  // Adds [start, end), or lengthens the fragment before it when nothing changes between them.
  void Add(Slice start, Slice end, const Sequence* sequences, size_t count) {
    std::vector<Fragment>& fragments = list_->fragments_;
    std::vector<Sequence>& older = list_->older_;
    if (!fragments.empty() && fragments.back().end == start &&
        fragments.back().newest == sequences[0] &&
        std::equal(sequences + 1, sequences + count, older.begin() + Begin(fragments.size() - 1),
                   older.end())) {
      fragments.back().end = end;
      return;
    }
    fragments.push_back({start, end, sequences[0], {}});
    older.insert(older.end(), sequences + 1, sequences + count);
    ends_.push_back(older.size());
  }
  void Add(Slice start, Slice end, Sequence sequence) { Add(start, end, &sequence, 1); }

  // Keeps a key, which lies elsewhere. REQUIRES: keys_ has room reserved.
  Slice Keep(Slice key) {
    std::vector<char>& keys = list_->keys_;
    const size_t at = keys.size();
    keys.insert(keys.end(), key.begin(), key.end());
    return Slice(keys.data() + at, key.size());
  }

  void Finish() {
    std::vector<Fragment>& fragments = list_->fragments_;
    for (size_t i = 0; i < fragments.size(); ++i) {
      fragments[i].older = {list_->older_.data() + Begin(i), list_->older_.data() + ends_[i]};
      list_->sequence_last_ = std::max(list_->sequence_last_, fragments[i].newest);
    }
    if (fragments.size() < kPrefixedMin) return;
    list_->common_ = CommonStart(fragments.front().start, fragments.back().start);
    list_->prefixes_.resize(2 * fragments.size());
    for (size_t i = 0; i < fragments.size(); ++i) {
      list_->prefixes_[i] = KeyPrefix(fragments[i].start, list_->common_);
      list_->prefixes_[fragments.size() + i] = KeyPrefix(fragments[i].end, list_->common_);
    }
  }

 private:
  ptrdiff_t Begin(size_t i) const { return i == 0 ? 0 : static_cast<ptrdiff_t>(ends_[i - 1]); }

  RangeTombstones* const list_;
  std::vector<size_t> ends_;  // in older_, of each fragment
};

size_t Fragment::CountAbove(Sequence sequence) const {
  if (newest <= sequence) return 0;
  const auto found = std::lower_bound(older.begin(), older.end(), sequence, std::greater<>());
  return 1 + static_cast<size_t>(found - older.begin());
}

RangeTombstones RangeTombstones::Fragmented(const std::vector<RangeSpan>& spans,
                                            const std::vector<Sequence>* snapshots) {
  RangeTombstones list;
  Builder builder(&list);
  const std::vector<Bound> bounds = SortedBounds(spans);
  size_t bytes = 0;
  for (const Bound& bound : bounds) bytes += bound.key.size();
  list.keys_.reserve(bytes);
  Active active;
  std::vector<Sequence> chosen;
  Slice start;  // of the fragment at hand, kept
  for (size_t i = 0; i < bounds.size(); ++i) {
    const Bound& bound = bounds[i];
    if (i == 0 || bound.key != start) {
      const Slice key = builder.Keep(bound.key);
      if (!active.empty()) {
        Choose(active, snapshots, &chosen);
        builder.Add(start, key, chosen.data(), chosen.size());
      }
      start = key;
    }
    // Ends may sort before begins at the same key, never before their own.
    if (bound.begins) {
      active.insert(bound.sequence);
    } else {
      active.erase(active.find(bound.sequence));
    }
  }
  builder.Finish();
  return list;
}

RangeTombstones::RangeTombstones(const std::vector<RangeTombstone>& tombstones) {
  std::vector<RangeSpan> spans;
  spans.reserve(tombstones.size());
  for (const RangeTombstone& one : tombstones) spans.push_back({one.start, one.end, one.sequence});
  *this = Fragmented(spans, nullptr);
}

RangeTombstones RangeTombstones::Of(const RangeSpan& span) {
  RangeTombstones list;
  list.fragments_.push_back({span.start, span.end, span.sequence, {}});
  list.sequence_last_ = span.sequence;
  return list;
}

RangeTombstones RangeTombstones::Overlaid(const RangeTombstones& newer,
                                          const RangeTombstones& older) {
  RangeTombstones list;
  Builder builder(&list);
  list.fragments_.reserve(newer.size() + older.size());
  auto at = older.fragments_.begin();
  const auto end = older.fragments_.end();
  Slice rest = at == end ? Slice() : at->start;  // where what is left of *at begins
  const auto pass_to = [&](Slice key) {
    if (at->end <= key) {
      ++at;
      if (at != end) rest = at->start;
    } else {
      rest = key;
    }
  };
  for (const Fragment& over : newer.fragments_) {
    while (at != end && rest < over.start) {
      builder.Add(rest, std::min(at->end, over.start), at->newest);
      pass_to(over.start);
    }
    while (at != end && rest < over.end) pass_to(over.end);
    builder.Add(over.start, over.end, over.newest);
  }
  for (; at != end; pass_to(at->end)) builder.Add(rest, at->end, at->newest);
  builder.Finish();
  return list;
}

size_t RangeTombstones::StartsUpTo(Slice key, uint64_t prefix) const {
  size_t low = 0, high = fragments_.size();
  if (!prefixes_.empty()) {
    low = CountBelow(prefixes_.data(), high, prefix);
    if (low == high || prefixes_[low] != prefix) return low;
    if (prefix != ~uint64_t{0}) high = CountBelow(prefixes_.data(), high, prefix + 1);
  }
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (fragments_[middle].start <= key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

const Fragment* RangeTombstones::FragmentAt(Slice key) const {
  const uint64_t prefix = KeyPrefix(key, common_);
  const size_t after = StartsUpTo(key, prefix);
  if (after == 0) return nullptr;
  const Fragment& fragment = fragments_[after - 1];
  if (!prefixes_.empty()) {
    const uint64_t end = prefixes_[fragments_.size() + after - 1];
    if (prefix != end) return prefix < end ? &fragment : nullptr;
  }
  return key < fragment.end ? &fragment : nullptr;
}

void RangeTombstones::AppendTo(std::vector<RangeSpan>* spans) const {
  for (const Fragment& fragment : fragments_) {
    for (size_t i = 0; i < fragment.count(); ++i) {
      spans->push_back({fragment.start, fragment.end, fragment.sequence(i)});
    }
  }
}

size_t RangeTombstones::bytes() const {
  return fragments_.capacity() * sizeof(Fragment) + prefixes_.capacity() * sizeof(uint64_t) +
         older_.capacity() * sizeof(Sequence) + keys_.capacity();
}

void RangeTombstones::EncodeTo(std::string* to) const {
  PutFixed32(to, static_cast<uint32_t>(fragments_.size()));
  for (const Fragment& fragment : fragments_) {
    PutLengthPrefixed(to, fragment.start);
    PutLengthPrefixed(to, fragment.end);
    PutVarint32(to, static_cast<uint32_t>(fragment.count()));
    for (size_t i = 0; i < fragment.count(); ++i) PutVarint64(to, fragment.sequence(i));
  }
}

// Reads one fragment at or behind `before`, and its sequences.
bool RangeTombstones::DecodeFragment(Slice* input, Slice before, Fragment* fragment,
                                     std::vector<Sequence>* sequences) {
  uint32_t count;
  if (!GetLengthPrefixed(input, &fragment->start)) return false;
  if (!GetLengthPrefixed(input, &fragment->end)) return false;
  if (!GetVarint32(input, &count) || count == 0 || count > input->size()) return false;
  if (fragment->start >= fragment->end || fragment->start < before) return false;
  sequences->clear();
  for (Sequence bound = kSequenceMax + 1; count > 0; --count) {
    Sequence sequence;
    if (!GetVarint64(input, &sequence) || sequence == 0 || sequence >= bound) return false;
    sequences->push_back(sequence);
    bound = sequence;
  }
  return true;
}

Status RangeTombstones::Decode(Slice input, RangeTombstones* tombstones) {
  *tombstones = RangeTombstones();
  RangeTombstones list;
  Builder builder(&list);
  list.keys_.assign(input.begin(), input.end());
  input = Slice(list.keys_.data(), list.keys_.size());
  uint32_t count;
  if (!GetFixed32(&input, &count)) return Status::Corruption("range tombstones are cut short");
  Fragment fragment;
  std::vector<Sequence> sequences;
  for (Slice before; count > 0; --count, before = fragment.end) {
    if (!DecodeFragment(&input, before, &fragment, &sequences)) {
      return Status::Corruption("range tombstones are malformed");
    }
    builder.Add(fragment.start, fragment.end, sequences.data(), sequences.size());
  }
  if (!input.empty()) return Status::Corruption("bytes follow the range tombstones");
  builder.Finish();
  *tombstones = std::move(list);
  return Status::Ok();
}

}  // namespace varve
