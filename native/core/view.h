// View: what a read goes through: memtable, frozen memtables, version.
//
// Immutable; made by the control plane at every change of state and pinned by
// shared_ptr wherever a read outlives a call. Level 0 holds runs that may overlap,
// newest first; each deeper level holds disjoint tables in key order.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/lookup.h"
#include "core/memtable.h"
#include "core/table_reader.h"

namespace varve {

class View {
 public:
  using Tables = std::vector<std::shared_ptr<TableReader>>;

  View(std::shared_ptr<Memtable> memtable, std::vector<std::shared_ptr<Memtable>> frozen,
       std::vector<Tables> levels);

  // The newest visible version of the key: memtable, frozen (newest first), level 0
  // (newest first), one table per deeper level. Stops at the first that decides: what it holds of
  // the key, range tombstones included, is newer than what those behind it hold.
  Status Get(const LookupKey& key, ReadTier tier, LookupResult* result) const;

  // Looks up `count` keys; results[i] belongs to keys[i]. Keys are visited in key order
  // so that neighbours share blocks. With kWouldBlock the undecided ones are marked
  // in `blocked` (one bool a key) and the others are answered.
  Status GetMany(const LookupKey* keys, size_t count, ReadTier tier, LookupResult* results,
                 bool* blocked) const;

  const std::shared_ptr<Memtable>& memtable() const { return memtable_; }
  const std::vector<std::shared_ptr<Memtable>>& frozen() const { return frozen_; }
  const std::vector<Tables>& levels() const { return levels_; }

 private:
  // Where a level's tables lie: KeyPrefix of their bounds, so that a search reads one array.
  struct Bounds {
    explicit Bounds(const Tables& tables);
    std::string common;  // what all bounds start with
    std::vector<uint64_t> first, last;
  };

  // Whether table `at` of the level begins after the key.
  bool BeginsAfter(size_t level, size_t at, Slice key, uint64_t prefix) const;
  // Whether it ends before the key.
  bool EndsBeforeKey(size_t level, size_t at, Slice key, uint64_t prefix) const;
  // Whether the key lies within the bounds of a table of level 0.
  bool IsWithin(size_t table, Slice key) const;
  size_t TableFor(size_t level, Slice key) const;
  void Prefetch(const LookupKey& key) const;
  Status GetFromLevel(size_t level, const LookupKey& key, ReadTier tier,
                      LookupResult* result) const;
  struct Group;
  static void GetFromMemtable(const Memtable& memtable, Group* group);
  Status GetFromTables(size_t level, ReadTier tier, Group* group) const;
  Status GetGroup(ReadTier tier, Group* group) const;

  std::vector<Bounds> bounds_;  // one a level
  std::shared_ptr<Memtable> memtable_;
  std::vector<std::shared_ptr<Memtable>> frozen_;
  std::vector<Tables> levels_;
};

}  // namespace varve
