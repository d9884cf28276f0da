// Jobs: the long work of the data plane: flush and compaction. Both write tables from
// a merging cursor; what may be dropped on the way is decided here, by rules, from
// facts the control plane passes in. Neither reads a clock or a random number.
//
// Dropping rules (snapshots ascending; a stratum is the entries between two neighbouring ones):
//  1. Of one key, in one stratum, only the newest entry is kept.
//  2. An entry at s under a range tombstone at t > s of the same stratum is dropped.
//  3. A tombstone (or a due expiring entry, taken as one) older than every snapshot is dropped if
//     no deeper level outside the job may hold the key. A due entry that is kept becomes a
//     tombstone.
//  4. A range tombstone older than every snapshot is dropped likewise, by its whole span.
// An entry is never given another sequence.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/memtable.h"
#include "core/table_reader.h"
#include "core/table_writer.h"

namespace varve {

struct OutputFile {
  std::string path;
  FileId id{};
};

struct MergeFacts {
  std::vector<Sequence> snapshots;  // ascending, live ones
  // An expiring entry with expiresAt <= expired_ms counts as a tombstone (0: none do).
  uint64_t expired_ms = 0;
  // True: nothing below the output level holds any key (rule 3 always applies).
  bool bottommost = false;
  // Otherwise: spans [first, last] of tables below the output level, sorted by first, per level.
  std::vector<std::vector<std::pair<std::string, std::string>>> deeper;
};

struct JobProgress {
  std::atomic<bool> cancelled{false};
  // The job rests between short pieces of work: somebody waits for the disk.
  std::atomic<bool> gentle{false};
  std::atomic<uint64_t> bytes_read{0}, bytes_written{0}, entries_read{0};
};

struct JobOutput {
  size_t file = 0;  // which OutputFile
  TableProperties properties;
};

struct JobResult {
  std::vector<JobOutput> outputs;
  uint64_t entries_in = 0, entries_out = 0, entries_dropped = 0;
  uint64_t bytes_in = 0, bytes_out = 0;
};

struct FlushJob {
  FileSystem* fs = nullptr;
  std::vector<std::shared_ptr<Memtable>> memtables;
  OutputFile output;
  TableOptions table;
  MergeFacts facts;
};
// Writes one table (none when everything was dropped), syncs it, reads it back and verifies it.
// On failure the partial file is removed.
Status RunFlush(const FlushJob& job, JobProgress* progress, JobResult* result);

struct CompactionJob {
  FileSystem* fs = nullptr;
  // Inputs: level-0 tables one by one, each deeper level as one run in key order.
  std::vector<std::vector<std::shared_ptr<TableReader>>> runs;
  std::vector<OutputFile> outputs;  // taken in order; running out is kInvalidArgument
  uint64_t output_bytes_max = 32 << 20;
  // Last keys of tables in the level below the output: outputs are cut there once they hold half
  // of output_bytes_max, so that later compactions overlap less.
  std::vector<std::string> cut_after;
  // One output may not overlap more than this many bytes of the level below (0: no limit).
  TableOptions table;
  MergeFacts facts;
};
// Writes, syncs and verifies the outputs. All of a key's versions go to one output. On failure
// every output is removed. An input with a bad checksum fails the job with its file and offset.
Status RunCompaction(const CompactionJob& job, JobProgress* progress, JobResult* result);

}  // namespace varve
