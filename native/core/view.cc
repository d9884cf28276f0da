#include "core/view.h"

#include <algorithm>
#include <utility>

#include "core/level_cursor.h"

namespace varve {
namespace {

Slice CommonStart(Slice a, Slice b) {
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return a.substr(0, static_cast<size_t>(differ.first - a.begin()));
}

struct Place {
  uint64_t prefix;
  size_t index;
};

std::vector<Place> InKeyOrder(const LookupKey* keys, size_t count) {
  std::vector<Place> places(count);
  if (count == 0) return places;
  const Slice common = CommonStart(keys[0].key, keys[count - 1].key);
  for (size_t i = 0; i < count; ++i) places[i] = {KeyPrefix(keys[i].key, common), i};
  std::sort(places.begin(), places.end(), [keys](const Place& a, const Place& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : keys[a.index].key < keys[b.index].key;
  });
  return places;
}

}  // namespace

View::Bounds::Bounds(const Tables& tables) {
  if (tables.empty()) return;
  Slice shared = tables.front()->properties().key_first;
  for (const auto& table : tables) {
    shared = CommonStart(shared, table->properties().key_first);
    shared = CommonStart(shared, table->properties().key_last);
  }
  common = shared;
  for (const auto& table : tables) {
    first.push_back(KeyPrefix(table->properties().key_first, common));
    last.push_back(KeyPrefix(table->properties().key_last, common));
  }
}

View::View(std::shared_ptr<Memtable> memtable, std::vector<std::shared_ptr<Memtable>> frozen,
           std::vector<Tables> levels)
    : memtable_(std::move(memtable)), frozen_(std::move(frozen)), levels_(std::move(levels)) {
  bounds_.reserve(levels_.size());
  for (const Tables& tables : levels_) bounds_.emplace_back(tables);
}

bool View::BeginsAfter(size_t level, size_t at, Slice key, uint64_t prefix) const {
  const uint64_t first = bounds_[level].first[at];
  if (first != prefix) return first > prefix;
  return Slice(levels_[level][at]->properties().key_first) > key;
}

bool View::EndsBeforeKey(size_t level, size_t at, Slice key, uint64_t prefix) const {
  const uint64_t last = bounds_[level].last[at];
  if (last != prefix) return last < prefix;
  return EndsBefore(levels_[level][at]->properties(), key);
}

Status View::GetFromLevel(size_t level, const LookupKey& key, ReadTier tier,
                          LookupResult* result) const {
  const Tables& tables = levels_[level];
  const uint64_t prefix = KeyPrefix(key.key, bounds_[level].common);
  size_t at = 0;
  if (level > 0) {  // the first that does not end before the key
    for (size_t end = tables.size(); at < end;) {
      const size_t middle = at + (end - at) / 2;
      if (EndsBeforeKey(level, middle, key.key, prefix)) {
        at = middle + 1;
      } else {
        end = middle;
      }
    }
  }
  for (; at < tables.size(); ++at) {
    if (BeginsAfter(level, at, key.key, prefix)) {
      if (level > 0) break;
      continue;
    }
    if (EndsBeforeKey(level, at, key.key, prefix)) continue;
    VARVE_TRY(tables[at]->Get(key, tier, result));
    if (result->Conclude()) break;
  }
  return Status::Ok();
}

Status View::Get(const LookupKey& key, ReadTier tier, LookupResult* result) const {
  // What a lookup that would block has left there was met further back.
  result->state = LookupResult::State::kMissing;
  result->covering = 0;
  memtable_->Get(key, result);
  if (result->Conclude()) return Status::Ok();
  for (const auto& memtable : frozen_) {
    memtable->Get(key, result);
    if (result->Conclude()) return Status::Ok();
  }
  for (size_t level = 0; level < levels_.size(); ++level) {
    if (levels_[level].empty()) continue;
    VARVE_TRY(GetFromLevel(level, key, tier, result));
    if (result->decided()) break;
  }
  return Status::Ok();
}

// The slots of all keys first, then what they point to: so the waits for memory overlap.
void View::Prefetch(const LookupKey* keys, size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    const uint64_t hash = keys[i].hash;
    memtable_->Prefetch(hash);
    for (const auto& memtable : frozen_) memtable->Prefetch(hash);
    if (levels_.empty()) continue;
    for (const auto& table : levels_.front()) table->Prefetch(hash);
  }
  for (size_t i = 0; i < count; ++i) {
    memtable_->PrefetchEntry(keys[i].hash);
    for (const auto& memtable : frozen_) memtable->PrefetchEntry(keys[i].hash);
  }
}

Status View::GetMany(const LookupKey* keys, size_t count, ReadTier tier, LookupResult* results,
                     bool* blocked) const {
  Status status;
  if (count > 1) Prefetch(keys, count);
  for (const Place& place : InKeyOrder(keys, count)) {
    const size_t i = place.index;
    Status found = Get(keys[i], tier, &results[i]);
    blocked[i] = found.IsWouldBlock();
    if (found.ok()) continue;
    status = std::move(found);
    if (!blocked[i]) break;
  }
  return status;
}

}  // namespace varve
