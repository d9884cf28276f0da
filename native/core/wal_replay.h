// Replay: reads the segments of a wal back at open, and tells a torn end from damage.
//
// The chain of segments is followed from the last one that has begun back to the first, by what
// each header says it follows; what is not on that chain is no part of the log. Along it records
// are accepted up to the first one that is invalid or does not follow. If the next segment goes on
// from an entry that was accepted or is in tables, so does replay. Otherwise the log ends there,
// and if anything says that what stood there had been on disk, the log is damaged: kCorruption with
// file and offset. Evidence is: options.synced_index; a later record of the same life (found by an
// 8-byte aligned scan) whose synced bytes lie beyond; a later segment that says so.
//
// Nothing is applied before all segments were read: what a memtable receives is the final log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/wal.h"

namespace varve {

struct ReplaySegment {
  std::string path;
  uint64_t number = 0;  // by its name; a header with a smaller one is of the file's former use
  FileId id{};          // by the manifest; zeros: the header's word is taken
  uint64_t end = 0;     // by the manifest: sealed or cut here; 0: not known
};

struct ReplayOptions {
  std::vector<ReplaySegment> segments;  // by number, ascending
  // Entries at or below are not applied. Where the log ends before it, or has another term there (a
  // snapshot took its place), the log is empty and begins here. term 0: not compared.
  LogPosition flushed;
  std::string flushed_membership;    // used in that case
  uint64_t synced_index = 0;         // by the manifest: entries up to it were on disk
  uint64_t apply_to = ~uint64_t{0};  // entries above are read but not applied
  bool only_committed = false;       // nor are those above the log's own word for what is committed
};

struct ReplayResult {
  LogState log;         // position is `flushed` when the log ends before it
  LogPosition applied;  // the last entry applied, or `flushed`
  uint64_t records = 0, operations = 0, bytes = 0;  // accepted, applied, accepted
  // Listed segments that hold no part of the log: prepared, bypassed or cut.
  std::vector<std::string> unused;
  // Where something that had been written was cut: file and offset ("" if nothing was).
  std::string cut_file;
  uint64_t cut_offset = 0;
  std::string cut_reason;
};

// Applies entries in (flushed.index, apply_to] to `memtable` and hands every accepted entry above
// flushed.index (header and padded payload) to `record`; both may be null.
// kCorruption: damage, a missing segment, a first segment that starts above flushed.index + 1.
// kUnsupported: a valid record, operation or header of a kind or version not known here.
using ReplayVisitor = std::function<Status(Slice record, const RecordHeader& header)>;
Status ReplayWal(FileSystem* fs, const ReplayOptions& options, Memtable* memtable,
                 const ReplayVisitor& record, ReplayResult* result);

// One text line for the header and per record, for `inspect wal`; damage is a line, too.
Status DescribeSegment(FileSystem* fs, const std::string& path,
                       const std::function<void(const std::string&)>& line);

}  // namespace varve
