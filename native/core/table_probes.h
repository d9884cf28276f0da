// TableProbes: lookups in tables, many at a time.
//
// A lookup reads a line of the filter, a slot, the head of a block, its hash index and an entry,
// and waits for memory at each, which it finds by the one before. Here each lookup makes one step
// before any makes the next one: their waits overlap.
//
// Thread safety: one thread. What it looks into may be read by others meanwhile.
#pragma once

#include <array>

#include "core/table_reader.h"

namespace varve {

class TableProbes {
 public:
  static constexpr size_t kMax = 32;

  // REQUIRES: fewer than kMax since Run; all live until then.
  void Add(const TableReader* table, const LookupKey* key, LookupResult* result, bool* blocked);
  // Get of each. `blocked` says where the tier does not reach; the first other error ends it.
  Status Run(ReadTier tier);

 private:
  struct Probe {
    const TableReader* table;
    const LookupKey* key;
    LookupResult* result;
    bool* blocked;
    uint32_t block;
    BlockPin pin;
  };

  void FindBlocks();
  void PinBlocks();

  std::array<Probe, kMax> probes_;
  size_t count_ = 0;
};

}  // namespace varve
