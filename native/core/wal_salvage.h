// Salvage of a wal: every record that can be read, damaged ones left out; what replay refuses to
// do.
//
// Of each index the last segment's record counts, as far as headers that can be read do not say
// that it is no part of the log. What is missing is told by sequences: of lost records nobody knows
// the keys.
// Thread safety: no state; each call is one thread's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/jobs.h"
#include "core/wal_replay.h"

namespace varve {

struct WalSalvage {
  FileSystem* fs = nullptr;
  std::vector<ReplaySegment> segments;  // by number, ascending
  // Entries at or below are in tables. index 0: only the sequence is known.
  LogPosition flushed;
  uint64_t synced_index = 0;  // by the manifest: entries up to it were on disk
  // False: there is no such word, so that a log that does not end with a sync mark may lack more.
  bool is_end_known = true;
  uint64_t last_index = ~uint64_t{0};  // entries above are left out
  // Entries at or below `flushed` are applied too, if none after the first that is there is lost:
  // tables that held them may be.
  bool from_start = false;
  std::shared_ptr<Memtable> memtable;
};

struct LostRecords {
  std::string file;
  uint64_t offset = 0;
  Sequence sequence_first = 0;
  Sequence sequence_last = 0;  // 0: not known, up to the end
};

struct WalSalvageResult {
  LogPosition position;  // of the last entry, or `flushed`; its index may be that of a lost one
  uint64_t records = 0, operations = 0;  // applied
  std::vector<LostRecords> lost;
};

// kUnsupported: a valid record or header of a kind or version not known here.
Status SalvageWal(const WalSalvage& request, JobProgress* progress, WalSalvageResult* result);

}  // namespace varve
