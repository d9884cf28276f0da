// Range tombstones of one source (a memtable or a table), fragmented.
//
// Fragments are disjoint [start, end) spans in key order, each with the sequences
// of all tombstones that cover it, newest first. Neighbours that touch differ in their
// sequences. Nested tombstones cost memory by the square of their number. An entry at sequence s
// under a tombstone at sequence t is deleted when s < t and t is visible to the reader.
//
// Immutable once built; share it between threads.
#pragma once

#include <memory>
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

class RangeTombstones {
 public:
  struct Fragment {
    std::string start, end;
    std::vector<Sequence> sequences;  // newest first, no duplicates
  };

  RangeTombstones() = default;
  explicit RangeTombstones(const std::vector<RangeTombstone>& tombstones);

  bool empty() const { return fragments_.empty(); }
  size_t size() const { return fragments_.size(); }
  const std::vector<Fragment>& fragments() const { return fragments_; }
  size_t bytes() const;  // memory of all fragments

  // Newest sequence <= visible of a tombstone that covers `key`; 0 if there is none.
  Sequence Covering(Slice key, Sequence visible) const;
  // The fragment that covers `key`, or nullptr: cursors skip to its end or start.
  const Fragment* FragmentAt(Slice key) const;

  // Section of a table: fixed32 count, then per fragment length-prefixed start,
  // length-prefixed end, varint32 n, n × varint64 sequence.
  void EncodeTo(std::string* to) const;
  static Status Decode(Slice input, RangeTombstones* tombstones);

 private:
  std::vector<Fragment> fragments_;
};

}  // namespace varve
