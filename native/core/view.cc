#include "core/view.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/level_cursor.h"
#include "core/table_probes.h"

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

// The level's table that may hold the key; its number of tables: none.
size_t View::TableFor(size_t level, Slice key) const {
  const size_t tables = levels_[level].size();
  const uint64_t prefix = KeyPrefix(key, bounds_[level].common);
  size_t at = 0;
  for (size_t end = tables; at < end;) {  // the first that does not end before the key
    const size_t middle = at + (end - at) / 2;
    if (EndsBeforeKey(level, middle, key, prefix)) {
      at = middle + 1;
    } else {
      end = middle;
    }
  }
  return at < tables && !BeginsAfter(level, at, key, prefix) ? at : tables;
}

bool View::IsWithin(size_t table, Slice key) const {
  const uint64_t prefix = KeyPrefix(key, bounds_.front().common);
  return !BeginsAfter(0, table, key, prefix) && !EndsBeforeKey(0, table, key, prefix);
}

Status View::GetFromLevel(size_t level, const LookupKey& key, ReadTier tier,
                          LookupResult* result) const {
  const Tables& tables = levels_[level];
  if (level > 0) {
    const size_t at = TableFor(level, key.key);
    if (at == tables.size()) return Status::Ok();
    VARVE_TRY(tables[at]->Get(key, tier, result));
    result->Conclude();
    return Status::Ok();
  }
  for (size_t at = 0; at < tables.size(); ++at) {
    if (!IsWithin(at, key.key)) continue;
    VARVE_TRY(tables[at]->Get(key, tier, result));
    if (result->Conclude()) break;
  }
  return Status::Ok();
}

// The lines of filters that are found without another wait: the waits for them overlap.
void View::Prefetch(const LookupKey& key) const {
  memtable_->Prefetch(key.hash);
  for (size_t level = 0; level < levels_.size(); ++level) {
    const Tables& tables = levels_[level];
    if (level == 0) {
      for (const auto& table : tables) table->Prefetch(key.hash);
    } else if (const size_t at = TableFor(level, key.key); at < tables.size()) {
      tables[at]->Prefetch(key.hash);
    }
  }
}

Status View::Get(const LookupKey& key, ReadTier tier, LookupResult* result) const {
  // What a lookup that would block has left there was met further back.
  result->state = LookupResult::State::kMissing;
  result->covering = 0;
  Prefetch(key);
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

// Lookups of a group that no source has decided yet. As View::Get does, but each source is asked
// for all of them before the next one is.
struct View::Group {
  struct Lookup {
    const LookupKey* key;
    LookupResult* result;
    bool* blocked;
  };

  void Add(const LookupKey* key, LookupResult* result, bool* is_blocked) {
    result->state = LookupResult::State::kMissing;
    result->covering = 0;
    *is_blocked = false;
    open[count++] = {key, result, is_blocked};
  }

  // Some were asked: keeps those that go on to the next source.
  void Conclude() {
    size_t left = 0;
    for (size_t i = 0; i < count; ++i) {
      if (*open[i].blocked) {
        blocked = true;
      } else if (!open[i].result->Conclude()) {
        open[left++] = open[i];
      }
    }
    count = left;
  }

  std::array<Lookup, TableProbes::kMax> open;
  size_t count = 0;
  bool blocked = false;  // one of them, or more
  TableProbes probes;
};

// Entries found by hash: the slots of all keys first, then what they point to.
void View::GetFromMemtable(const Memtable& memtable, Group* group) {
  for (size_t i = 0; i < group->count; ++i) memtable.Prefetch(group->open[i].key->hash);
  for (size_t i = 0; i < group->count; ++i) memtable.PrefetchEntry(group->open[i].key->hash);
  for (size_t i = 0; i < group->count; ++i) {
    memtable.Get(*group->open[i].key, group->open[i].result);
  }
  group->Conclude();
}

Status View::GetFromTables(size_t level, ReadTier tier, Group* group) const {
  const Tables& tables = levels_[level];
  const auto add = [group](const TableReader* table, const Group::Lookup& lookup) {
    group->probes.Add(table, lookup.key, lookup.result, lookup.blocked);
  };
  if (level > 0) {
    for (size_t i = 0; i < group->count; ++i) {
      const Group::Lookup& lookup = group->open[i];
      const size_t at = TableFor(level, lookup.key->key);
      if (at < tables.size()) add(tables[at].get(), lookup);
    }
    VARVE_TRY(group->probes.Run(tier));
    group->Conclude();
    return Status::Ok();
  }
  for (size_t at = 0; at < tables.size() && group->count > 0; ++at) {
    for (size_t i = 0; i < group->count; ++i) {
      if (IsWithin(at, group->open[i].key->key)) add(tables[at].get(), group->open[i]);
    }
    VARVE_TRY(group->probes.Run(tier));
    group->Conclude();
  }
  return Status::Ok();
}

Status View::GetGroup(ReadTier tier, Group* group) const {
  GetFromMemtable(*memtable_, group);
  for (const auto& memtable : frozen_) {
    if (group->count > 0) GetFromMemtable(*memtable, group);
  }
  for (size_t level = 0; level < levels_.size() && group->count > 0; ++level) {
    if (!levels_[level].empty()) VARVE_TRY(GetFromTables(level, tier, group));
  }
  return Status::Ok();
}

Status View::GetMany(const LookupKey* keys, size_t count, ReadTier tier, LookupResult* results,
                     bool* blocked) const {
  if (count == 1) {
    Status found = Get(keys[0], tier, &results[0]);
    blocked[0] = found.IsWouldBlock();
    return found;
  }
  const std::vector<Place> places = InKeyOrder(keys, count);
  bool any_blocked = false;
  for (size_t begin = 0; begin < count; begin += TableProbes::kMax) {
    Group group;
    for (size_t at = begin; at < std::min(count, begin + TableProbes::kMax); ++at) {
      const size_t i = places[at].index;
      group.Add(&keys[i], &results[i], &blocked[i]);
    }
    VARVE_TRY(GetGroup(tier, &group));
    any_blocked = any_blocked || group.blocked;
  }
  return any_blocked ? Status::WouldBlock() : Status::Ok();
}

}  // namespace varve
