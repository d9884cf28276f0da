// Filter: a bloom filter whose probes of one key all fall in one 64-byte line.
//
// Section format: fixed32 lines · fixed32 probes · lines × 64 bytes. line =
// high half of hash × lines; the probes take nine bits each from the hash multiplied
// on by the golden ratio. 10 bits a key and 6 probes give about 1 % false positives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace varve {

class FilterBuilder {
 public:
  explicit FilterBuilder(double bits_per_key);
  // Consecutive equal hashes (versions of one key) count once.
  void Add(uint64_t hash);
  size_t keys() const { return hashes_.size(); }
  // The section's bytes; empty when there are no keys or bits_per_key is 0.
  std::string Finish();

 private:
  double bits_per_key_;
  std::vector<uint64_t> hashes_;
};

// A view of a section's bytes, which must outlive it. An empty section may match all.
class Filter {
 public:
  Filter() = default;
  static Status Parse(Slice section, Filter* filter);
  bool MayContain(uint64_t hash) const;
  void Prefetch(uint64_t hash) const;  // brings the key's line near

 private:
  const char* lines_ = nullptr;
  uint32_t line_count_ = 0;
  uint32_t probes_ = 0;
};

}  // namespace varve
