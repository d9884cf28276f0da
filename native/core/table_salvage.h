// Salvage of a table: every block that can be read goes to a new table; what cannot is told by the
// keys it lay between.
//
// Entries keep their sequences, and the new table's bounds lie within the old one's, so that it may
// take its place in the same level. Of a block all entries are taken or none.
// Thread safety: no state; each call is one thread's.
#pragma once

#include <string>
#include <vector>

#include "core/jobs.h"

namespace varve {

struct LostSpan {
  uint64_t offset = 0, bytes = 0;
  // Keys that may be missing, or show an older value: both bounds inclusive; not known: all from
  // the beginning, or up to the end.
  bool has_first = false, has_last = false;
  std::string first, last;
  // What was lost are range tombstones: what they had deleted may be back.
  bool is_ranges = false;
};

struct TableSalvage {
  FileSystem* fs = nullptr;
  std::string path;
  FileId id{};
  bool writes = false;  // false: it is only told what would be written
  OutputFile output;
  TableOptions table;
};

struct TableSalvageResult {
  bool has_output = false;
  TableProperties properties;  // of the output
  uint64_t entries = 0, range_tombstones = 0, blocks = 0;
  Sequence sequence_last = 0;
  // How many entries of blocks are not among `entries`; known by the table's properties.
  bool has_entries_lost = false;
  uint64_t entries_lost = 0;
  std::vector<LostSpan> lost;
};

// On failure no output is left. kCorruption: the file is another table's.
Status SalvageTable(const TableSalvage& request, JobProgress* progress, TableSalvageResult* result);

}  // namespace varve
