// A history of writes, what it says each read must give, and the tables that jobs made of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "core/coding.h"
#include "core/file_memory.h"
#include "core/jobs.h"
#include "status_helpers.h"

namespace varve {

inline constexpr uint64_t kNowMs = 1000;

struct Entry {
  std::string key;
  Sequence sequence;
  Kind kind;
  std::string value;  // as stored
  friend bool operator==(const Entry&, const Entry&) = default;
};
// Keys ascending, newest first.
inline bool Before(const Entry& a, const Entry& b) {
  return std::tie(a.key, b.sequence) < std::tie(b.key, a.sequence);
}

inline bool IsDue(const Entry& entry) {
  Slice value = entry.value;
  uint64_t expires_at = 0;
  return entry.kind == Kind::kPutExpiring && GetFixed64(&value, &expires_at) &&
         expires_at <= kNowMs;
}

// Everything some sources hold.
struct Contents {
  std::vector<Entry> entries;
  std::vector<RangeTombstone> ranges;

  // What a read at `visible` finds.
  std::optional<std::string> Read(const std::string& key, Sequence visible) const {
    const Entry* newest = nullptr;
    for (const Entry& entry : entries) {
      if (entry.key != key || entry.sequence > visible) continue;
      if (newest == nullptr || entry.sequence > newest->sequence) newest = &entry;
    }
    if (newest == nullptr || IsTombstone(newest->kind) || IsDue(*newest)) return std::nullopt;
    for (const RangeTombstone& range : ranges) {
      if (range.sequence <= visible && range.sequence > newest->sequence && range.start <= key &&
          key < range.end) {
        return std::nullopt;
      }
    }
    return newest->value;
  }
};

using Tables = std::vector<std::shared_ptr<TableReader>>;

inline void Collect(const Tables& tables, Contents* contents) {
  for (const auto& table : tables) {
    const auto cursor = table->NewCursor({});
    for (cursor->SeekToFirst(); cursor->valid(); cursor->Next()) {
      contents->entries.push_back({std::string(cursor->key()), cursor->sequence(), cursor->kind(),
                                   std::string(cursor->value())});
    }
    ASSERT_OK(cursor->status());
    std::vector<RangeSpan> spans;
    table->range_tombstones().AppendTo(&spans);
    for (const RangeSpan& span : spans) {
      contents->ranges.push_back({std::string(span.start), std::string(span.end), span.sequence});
    }
  }
}

inline std::string KeyOf(uint64_t number) { return "key" + std::to_string(100 + number); }

// Writes random entries, keeps the history, and runs jobs over what was written.
class JobBench {
 public:
  explicit JobBench(uint64_t seed) : random(seed) { (void)fs.MakeDirectory("/d"); }

  std::shared_ptr<Memtable> Write(size_t count, uint64_t keys) {
    auto memtable = std::make_shared<Memtable>(1 << 16);
    for (size_t i = 0; i < count; ++i) WriteOne(keys, memtable.get());
    return memtable;
  }

  OutputFile NewOutput() {
    OutputFile output;
    output.path = "/d/" + std::to_string(++files_) + ".sst";
    output.id[0] = static_cast<uint8_t>(files_);
    output.id[1] = static_cast<uint8_t>(files_ >> 8);
    return output;
  }

  FlushJob MakeFlush(std::vector<std::shared_ptr<Memtable>> memtables, const MergeFacts& facts) {
    FlushJob job;
    job.fs = &fs;
    job.memtables = std::move(memtables);
    job.output = NewOutput();
    job.table.block_bytes = 256;
    job.facts = facts;
    return job;
  }

  CompactionJob MakeCompaction(std::vector<Tables> runs, const MergeFacts& facts) {
    CompactionJob job;
    job.fs = &fs;
    job.runs = std::move(runs);
    for (int i = 0; i < 40; ++i) job.outputs.push_back(NewOutput());
    job.table.block_bytes = 256;
    job.facts = facts;
    job.output_bytes_max = 1500 + random() % 3000;
    for (uint64_t key = random() % 20; key < 100; key += 1 + random() % 20) {
      job.cut_after.push_back(KeyOf(key));
    }
    return job;
  }

  Tables Open(const std::vector<OutputFile>& files, const JobResult& result) {
    Tables tables;
    for (const JobOutput& output : result.outputs) {
      const OutputFile& file = files[output.file];
      const Status status =
          TableReader::Open(&fs, file.path, 0, file.id, nullptr, std::make_shared<ReadCounters>(),
                            &tables.emplace_back());
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    return tables;
  }

  Tables Flush(std::vector<std::shared_ptr<Memtable>> memtables, const MergeFacts& facts) {
    const FlushJob job = MakeFlush(std::move(memtables), facts);
    const Status status = RunFlush(job, &progress, &result);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return Open({job.output}, result);
  }

  Tables Compact(std::vector<Tables> runs, const MergeFacts& facts) {
    const CompactionJob job = MakeCompaction(std::move(runs), facts);
    const Status status = RunCompaction(job, &progress, &result);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return Open(job.outputs, result);
  }

  std::vector<std::string> Files() {
    std::vector<std::string> names;
    EXPECT_TRUE(fs.List("/d", &names).ok());
    return names;
  }

  MemoryFileSystem fs;
  std::mt19937_64 random;
  Contents history;
  Sequence sequence = 0;
  JobProgress progress;
  JobResult result;

 private:
  void WriteOne(uint64_t keys, Memtable* memtable) {
    ++sequence;
    const std::string key = KeyOf(random() % keys);
    if (random() % 25 == 0) {
      const std::string end = KeyOf(random() % keys);
      if (key >= end) return;
      ASSERT_OK(memtable->AddRange(sequence, key, end));
      history.ranges.push_back({key, end, sequence});
      return;
    }
    static constexpr Kind kKinds[] = {Kind::kPut, Kind::kPut, Kind::kPutExpiring, Kind::kTombstone,
                                      Kind::kExpire};
    const Kind kind = kKinds[random() % 5];
    const uint64_t expires_at = kNowMs - 500 + random() % 1000;
    const std::string value = IsTombstone(kind) ? "" : std::string(random() % 60, 'v');
    ASSERT_OK(memtable->Add(sequence, kind, key, value, expires_at));
    std::string stored;
    if (kind == Kind::kPutExpiring) PutFixed64(&stored, expires_at);
    history.entries.push_back({key, sequence, kind, stored + value});
  }

  int files_ = 0;
};

}  // namespace varve
