// A table on a MemoryFileSystem, and the entries it should hold.
#pragma once

#include <algorithm>
#include <utility>

#include "core/coding.h"
#include "core/hash.h"
#include "core/table_reader.h"
#include "core/table_writer.h"
#include "file_memory_helpers.h"

namespace varve {

inline constexpr char kTablePath[] = "/t.sst";

struct TableEntry {
  std::string key;
  uint64_t trailer = 0;
  std::string value;
  friend bool operator==(const TableEntry&, const TableEntry&) = default;
};

inline bool InEntryOrder(const TableEntry& a, const TableEntry& b) {
  return CompareEntries(a.key, a.trailer, b.key, b.trailer) < 0;
}

inline FileId TestId(uint8_t seed = 7) {
  FileId id;
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(seed + i);
  return id;
}

inline Status WriteTable(MemoryFileSystem* fs, const TableOptions& options,
                         const std::vector<TableEntry>& entries,
                         const std::vector<RangeTombstone>& ranges = {},
                         TableProperties* properties = nullptr) {
  std::unique_ptr<File> file;
  VARVE_TRY(fs->Open(kTablePath, OpenMode::kCreateTruncate, &file));
  TableWriter writer(options, std::move(file), TestId());
  for (const TableEntry& entry : entries) {
    VARVE_TRY(writer.Add(entry.key, entry.trailer, entry.value));
  }
  writer.SetRangeTombstones(RangeTombstones(ranges));
  VARVE_TRY(writer.Finish());
  if (properties != nullptr) *properties = writer.properties();
  return Status::Ok();
}

inline Status OpenTable(MemoryFileSystem* fs, std::shared_ptr<BlockCache> cache,
                        std::shared_ptr<TableReader>* table,
                        std::shared_ptr<ReadCounters> counters = nullptr) {
  return TableReader::Open(fs, kTablePath, 1, TestId(), std::move(cache), std::move(counters),
                           table);
}

inline TableEntry EntryOf(const Cursor& cursor) {
  return {std::string(cursor.key()), cursor.trailer(), std::string(cursor.value())};
}

// Entries of few keys with many versions and of many with one, all kinds.
inline std::vector<TableEntry> MakeEntries(int keys, size_t value_bytes) {
  std::vector<TableEntry> entries;
  Sequence sequence = 1;
  for (int i = 0; i < keys; ++i) {
    const std::string digits = std::to_string(i * 3);
    const std::string key = "key/" + std::string(8 - digits.size(), '0') + digits;
    const int versions = i % 50 == 7 ? 40 : 1 + i % 3 / 2;
    for (int version = 0; version < versions; ++version, ++sequence) {
      Kind kind = Kind::kPut;
      std::string value(static_cast<size_t>(i * 7 + version) % (value_bytes + 1),
                        static_cast<char>('a' + i % 26));
      if (sequence % 11 == 0) {
        kind = Kind::kTombstone;
        value.clear();
      } else if (sequence % 13 == 0) {
        kind = Kind::kPutExpiring;
        std::string stored;
        PutFixed64(&stored, 1700000000000 + sequence);
        value = stored + value;
      }
      entries.push_back({key, PackTrailer(sequence, kind), value});
    }
  }
  std::sort(entries.begin(), entries.end(), InEntryOrder);
  return entries;
}

}  // namespace varve
