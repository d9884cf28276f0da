// BlockBuilder: writes the contents described in block.h.
// REQUIRES of Add: entries in entry order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/format.h"

namespace varve {

class BlockBuilder {
 public:
  explicit BlockBuilder(int restart_interval = 8, bool hash_index = true);
  void Add(Slice key, uint64_t hash, uint64_t trailer, Slice value);
  // Contents are complete after Finish and stay readable until Reset.
  Slice Finish();
  void Reset();
  size_t SizeEstimate() const;  // of what Finish would return now
  bool empty() const { return entries_ == 0; }
  uint32_t entries() const { return entries_; }
  Slice last_key() const { return last_key_; }
  uint64_t last_trailer() const { return last_trailer_; }

 private:
  size_t Tags() const;

  int restart_interval_;
  bool hash_index_;
  std::string buffer_;
  std::vector<uint32_t> restarts_;
  std::string tags_;
  std::string last_key_;
  uint64_t last_trailer_ = 0;
  uint32_t entries_ = 0;
  int since_restart_ = 0;
  bool finished_ = false;
};

}  // namespace varve
