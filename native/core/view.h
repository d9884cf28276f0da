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

  View(std::shared_ptr<Memtable> memtable, std::vector<std::shared_ptr<Memtable>> frozen, std::vector<Tables> levels);

  // The newest visible version of the key: memtable, frozen (newest first), level 0
  // (newest first), one table per deeper level. Stops at the first that decides.
  Status Get(const LookupKey& key, ReadTier tier, LookupResult* result) const;

  // Looks up `count` keys; results[i] belongs to keys[i]. Keys are visited in key order
  // so that neighbours share blocks. With kWouldBlock the undecided ones are marked
  // in `blocked` (one bool a key) and the others are answered.
  Status GetMany(const LookupKey* keys, size_t count, ReadTier tier, LookupResult* results, bool* blocked) const;

  const std::shared_ptr<Memtable>& memtable() const { return memtable_; }
  const std::vector<std::shared_ptr<Memtable>>& frozen() const { return frozen_; }
  const std::vector<Tables>& levels() const { return levels_; }
  bool has_table_ranges() const { return has_table_ranges_; }

 private:
  // …implementation's own: per level the KeyPrefix of each table's last key
  std::shared_ptr<Memtable> memtable_;
  std::vector<std::shared_ptr<Memtable>> frozen_;
  std::vector<Tables> levels_;
  bool has_table_ranges_ = false;
};

}  // namespace varve
