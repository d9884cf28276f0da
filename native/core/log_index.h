// LogIndex: where each entry of a log lies, and its term; 8 bytes an entry.
//
// Slots number the segments of one log as they are added. Locations are in order: a higher index
// never lies in a lower slot.
// Thread safety: none of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "core/status.h"
#include "core/wal_format.h"

namespace varve {

struct EntryLocation {
  uint32_t slot = 0;
  uint64_t offset = 0;
};

class LogIndex {
 public:
  LogIndex() { Reset(LogPosition{}, std::string()); }

  // No entries; the next one is base.index + 1.
  void Reset(const LogPosition& base, std::string membership);
  // Entry last() + 1.
  void Push(uint64_t term, uint32_t slot, uint64_t offset);
  // REQUIRES: base().index <= index <= last().
  void TruncateAfter(uint64_t index);
  // REQUIRES: base().index <= new_base.index <= last().
  void DropThrough(const LogPosition& new_base);

  const LogPosition& base() const { return base_; }  // before the first entry
  uint64_t last() const { return base_.index + locations_.size(); }
  bool Holds(uint64_t index) const { return index > base_.index && index <= last(); }
  EntryLocation Locate(uint64_t index) const;  // REQUIRES: Holds(index)
  // The last entry that lies in this slot or an earlier one; base().index when there is none.
  uint64_t LastInSlot(uint32_t slot) const;
  // Of any entry, and of base; kNotFound otherwise.
  Status Term(uint64_t index, uint64_t* term) const;

  // The membership that holds after entry `index`; it goes when that entry is truncated.
  void SetMembership(uint64_t index, std::string membership);
  const std::string& membership() const { return memberships_.back().bytes; }
  uint64_t membership_index() const { return memberships_.back().index; }

 private:
  struct TermStart {
    uint64_t index, term;
  };
  struct Membership {
    uint64_t index;
    std::string bytes;
  };

  LogPosition base_;
  std::deque<uint64_t> locations_;      // slot << 40 | offset
  std::deque<TermStart> terms_;         // first index of each run of one term
  std::deque<Membership> memberships_;  // never empty
};

}  // namespace varve
