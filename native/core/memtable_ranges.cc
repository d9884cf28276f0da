#include "core/memtable_ranges.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace varve {

void MemtableRanges::Add(Slice start, Slice end, Sequence sequence) {
  std::lock_guard<std::mutex> lock(mutex_);
  chunks_.emplace_back();
  chunks_.back().tombstones.push_back({std::string(start), std::string(end), sequence});
  size_t first = chunks_.size() - 1;
  size_t length = 1;
  while (first > 0 && chunks_[first - 1].tombstones.size() < 2 * length) {
    length += chunks_[--first].tombstones.size();
  }
  Merge(first);
}

void MemtableRanges::Merge(size_t first) const {
  Chunk& into = chunks_[first];
  for (size_t i = first + 1; i < chunks_.size(); ++i) {
    std::vector<RangeTombstone>& from = chunks_[i].tombstones;
    std::move(from.begin(), from.end(), std::back_inserter(into.tombstones));
  }
  chunks_.resize(first + 1);
  into.list = std::make_shared<const RangeTombstones>(into.tombstones);
  into.bytes = into.list->bytes();
  for (const RangeTombstone& tombstone : into.tombstones) {
    into.bytes += sizeof(tombstone) + tombstone.start.size() + tombstone.end.size();
  }
  size_t bytes = 0;
  for (const Chunk& chunk : chunks_) bytes += chunk.bytes;
  bytes_.store(bytes, std::memory_order_relaxed);
}

Sequence MemtableRanges::Covering(Slice key, Sequence visible) const {
  std::lock_guard<std::mutex> lock(mutex_);
  Sequence newest = 0;
  for (const Chunk& chunk : chunks_) {
    newest = std::max(newest, chunk.list->Covering(key, visible));
  }
  return newest;
}

std::shared_ptr<const RangeTombstones> MemtableRanges::List() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (chunks_.empty()) return std::make_shared<const RangeTombstones>();
  if (chunks_.size() > 1) Merge(0);
  return chunks_.front().list;
}

}  // namespace varve
