#include "core/block.h"
#include "core/block_entry.h"

namespace varve {

void BlockWalker::Attach(const Block* block) {
  block_ = block;
  Reset();
}

void BlockWalker::Detach() { Attach(nullptr); }

bool BlockWalker::Reset() {
  valid_ = damaged_ = false;
  place_ = kNowhere;
  places_.clear();
  offset_ = next_ = 0;
  key_.clear();
  value_ = Slice();
  return block_ != nullptr && block_->restarts() != 0;
}

void BlockWalker::Fail() {
  valid_ = false;
  damaged_ = true;
  place_ = kNowhere;
  places_.clear();
}

void BlockWalker::SeekToFirst() {
  if (Reset()) Next();
}

void BlockWalker::Next() {
  valid_ = false;
  place_ = kNowhere;
  if (next_ >= block_->entries_end()) return;
  const char* const begin = block_->contents().data();
  BlockEntry entry;
  const char* const end = DecodeEntry(begin + next_, begin + block_->entries_end(), &entry);
  if (end == nullptr || entry.shared > key_.size()) return Fail();
  offset_ = next_;
  next_ = static_cast<uint32_t>(end - begin);
  key_.resize(entry.shared);
  key_.append(entry.suffix, entry.unshared);
  trailer_ = entry.trailer;
  value_ = entry.value;
  valid_ = true;
}

void BlockWalker::Seek(Slice key, uint64_t trailer) {
  if (!Reset()) return;
  uint32_t restart = 0;
  if (!FindRestart(*block_, key, trailer, &restart)) return Fail();
  const char* const begin = block_->contents().data();
  const char* const end = begin + block_->entries_end();
  next_ = block_->restart_offset(restart);
  if (next_ >= block_->entries_end()) return Fail();
  RunningOrder order(key, trailer);
  BlockEntry entry;
  while (next_ < block_->entries_end()) {
    const char* const after = DecodeEntry(begin + next_, end, &entry);
    if (after == nullptr || !order.Follows(entry)) return Fail();
    key_.resize(entry.shared);
    key_.append(entry.suffix, entry.unshared);
    offset_ = next_;
    next_ = static_cast<uint32_t>(after - begin);
    if (order.Compare(entry) < 0) continue;
    trailer_ = entry.trailer;
    value_ = entry.value;
    valid_ = true;
    return;
  }
}

uint32_t BlockWalker::IntervalEnd(uint32_t restart) const {
  return restart + 1 == block_->restarts() ? block_->entries_end()
                                           : block_->restart_offset(restart + 1);
}

// False: damaged. Otherwise there is at least one place.
bool BlockWalker::LoadInterval(uint32_t restart) {
  places_.clear();
  interval_ = restart;
  const char* const begin = block_->contents().data();
  uint32_t offset = block_->restart_offset(restart);
  const uint32_t end = IntervalEnd(restart);
  if (offset >= end || end > block_->entries_end()) return false;
  uint32_t size = 0;
  while (offset < end) {
    BlockEntry entry;
    const char* const after = DecodeEntry(begin + offset, begin + end, &entry);
    if (after == nullptr || entry.shared > size) return false;
    size = entry.shared + entry.unshared;
    const auto next = static_cast<uint32_t>(after - begin);
    const auto suffix = static_cast<uint32_t>(entry.suffix - begin);
    places_.push_back({offset, next, entry.shared, entry.unshared, suffix});
    offset = next;
  }
  return true;
}

// Shows an entry of the loaded interval. Of its key, key_ has the first `kept` bytes already;
// the others lie in its suffix and, as far as that is shared, in those before it.
void BlockWalker::ShowPlace(uint32_t place, size_t kept) {
  const char* const begin = block_->contents().data();
  const Place& shown = places_[place];
  size_t missing_end = size_t{shown.shared} + shown.unshared;
  key_.resize(missing_end);
  for (uint32_t i = place; missing_end > kept; --i) {
    const Place& from = places_[i];
    if (from.shared >= missing_end) continue;
    const size_t start = std::max<size_t>(from.shared, kept);
    std::memcpy(key_.data() + start, begin + from.suffix + (start - from.shared),
                missing_end - start);
    missing_end = start;
  }
  const char* const trailer = begin + shown.suffix + shown.unshared;
  trailer_ = DecodeFixed64(trailer);
  const char* const value = trailer + kEntryTrailerBytes;
  value_ = Slice(value, static_cast<size_t>(begin + shown.end - value));
  offset_ = shown.offset;
  next_ = shown.end;
  place_ = place;
  valid_ = true;
}

void BlockWalker::SeekToLast() {
  if (!Reset()) return;
  if (!LoadInterval(block_->restarts() - 1)) return Fail();
  ShowPlace(static_cast<uint32_t>(places_.size()) - 1, 0);
}

void BlockWalker::SeekBefore(Slice key) {
  if (!Reset()) return;
  uint32_t restart = 0;
  if (!FindRestart(*block_, key, kTrailerFirst, &restart) || !LoadInterval(restart)) return Fail();
  const char* const begin = block_->contents().data();
  RunningOrder order(key, kTrailerFirst);
  uint32_t below = 0;
  for (; below < places_.size(); ++below) {
    const Place& place = places_[below];
    BlockEntry entry;
    DecodeEntry(begin + place.offset, begin + place.end, &entry);
    if (order.Compare(entry) >= 0) break;
  }
  if (below != 0) ShowPlace(below - 1, 0);
}

// For turning round: the walk came forward and knows no places.
bool BlockWalker::LoadCurrentInterval() {
  uint32_t low = 0;
  uint32_t high = block_->restarts() - 1;
  while (low < high) {
    const uint32_t middle = high - (high - low) / 2;
    if (block_->restart_offset(middle) <= offset_) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  if (!LoadInterval(low)) return false;
  const auto at =
      std::lower_bound(places_.begin(), places_.end(), offset_,
                       [](const Place& place, uint32_t offset) { return place.offset < offset; });
  if (at == places_.end() || at->offset != offset_) return false;
  place_ = static_cast<uint32_t>(at - places_.begin());
  return true;
}

void BlockWalker::Prev() {
  if (place_ == kNowhere && !LoadCurrentInterval()) return Fail();
  valid_ = false;
  if (place_ != 0) return ShowPlace(place_ - 1, places_[place_].shared);
  if (interval_ == 0) return;
  if (!LoadInterval(interval_ - 1)) return Fail();
  ShowPlace(static_cast<uint32_t>(places_.size()) - 1, 0);
}

}  // namespace varve
