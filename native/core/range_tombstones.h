// Range tombstones of one source (a memtable or a table), fragmented.
//
// Fragments are disjoint [start, end) spans in key order, each with sequences of tombstones that
// cover it, newest first. Neighbours that touch differ in their sequences. An entry at sequence s
// under a tombstone at sequence t is deleted when s < t and t is visible to the reader.
//
// A list need not hold every sequence: whoever makes it says which ones a reader can tell apart.
// All of them, of nested tombstones, would cost memory by the square of their number.
//
// Immutable once built; share it between threads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/format.h"

namespace varve {

struct RangeTombstone {
  std::string start;  // first key covered
  std::string end;    // first key not covered; start < end
  Sequence sequence = 0;
  friend bool operator==(const RangeTombstone&, const RangeTombstone&) = default;
};

// The same, its keys lying elsewhere.
struct RangeSpan {
  Slice start, end;
  Sequence sequence = 0;
};

class RangeTombstones {
 public:
  struct Fragment {
    Slice start, end;
    Sequence newest = 0;
    std::span<const Sequence> older;  // newest first, no duplicates

    size_t count() const { return 1 + older.size(); }
    Sequence sequence(size_t i) const { return i == 0 ? newest : older[i - 1]; }
    // How many of the sequences, which come first, are above `sequence`.
    size_t CountAbove(Sequence sequence) const;
    // The newest sequence <= visible; 0 if there is none.
    Sequence Newest(Sequence visible) const {
      const size_t at = CountAbove(visible);
      return at == count() ? 0 : sequence(at);
    }
  };

  RangeTombstones() = default;
  RangeTombstones(RangeTombstones&&) = default;
  RangeTombstones& operator=(RangeTombstones&&) = default;
  // Of all tombstones, every sequence.
  explicit RangeTombstones(const std::vector<RangeTombstone>& tombstones);
  // Of each fragment the newest sequence between two neighbours of `snapshots` (ascending): readers
  // at those sequences, and at the end, cannot tell the difference. nullptr: every sequence. Keys
  // are copied.
  static RangeTombstones Fragmented(const std::vector<RangeSpan>& spans,
                                    const std::vector<Sequence>* snapshots = nullptr);
  // The two below borrow their keys.
  static RangeTombstones Of(const RangeSpan& span);
  // The newest sequence of each fragment. REQUIRES: every sequence of `newer` is above those of
  // `older`, and neither holds more than one for a fragment.
  static RangeTombstones Overlaid(const RangeTombstones& newer, const RangeTombstones& older);

  bool empty() const { return fragments_.empty(); }
  size_t size() const { return fragments_.size(); }
  const std::vector<Fragment>& fragments() const { return fragments_; }
  size_t bytes() const;                                      // memory of all fragments
  Sequence sequence_last() const { return sequence_last_; }  // 0 when empty

  // Newest sequence <= visible of a tombstone that covers `key`; 0 if there is none.
  Sequence Covering(Slice key, Sequence visible) const {
    const Fragment* fragment = FragmentAt(key);
    return fragment == nullptr ? 0 : fragment->Newest(visible);
  }
  // The fragment that covers `key`, or nullptr.
  const Fragment* FragmentAt(Slice key) const;
  // How many fragments start at or before `key`.
  size_t StartsUpTo(Slice key) const { return StartsUpTo(key, KeyPrefix(key, common_)); }
  // Adds all tombstones, with borrowed keys.
  void AppendTo(std::vector<RangeSpan>* spans) const;

  // Section of a table: fixed32 count, then per fragment length-prefixed start,
  // length-prefixed end, varint32 n, n × varint64 sequence.
  void EncodeTo(std::string* to) const;
  static Status Decode(Slice input, RangeTombstones* tombstones);

 private:
  class Builder;

  size_t StartsUpTo(Slice key, uint64_t prefix) const;
  static bool DecodeFragment(Slice* input, Slice before, Fragment* fragment,
                             std::vector<Sequence>* sequences);

  std::vector<Fragment> fragments_;
  // Of all starts, then of all ends, behind common_; none for a few fragments. Most lookups need
  // nothing else.
  std::vector<uint64_t> prefixes_;
  Slice common_;
  Sequence sequence_last_ = 0;
  std::vector<Sequence> older_;  // what the fragments' `older` are parts of
  std::vector<char> keys_;       // what their bounds are parts of, unless they are borrowed
};

}  // namespace varve
