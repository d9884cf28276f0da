// What the tests of reads share: random writes, spread over a view by their age, and a plain
// model that answers from the list of all writes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/coding.h"
#include "core/file_memory.h"
#include "core/hash.h"
#include "core/seeded_random.h"
#include "core/table_writer.h"
#include "core/view.h"
#include "status_helpers.h"

namespace varve {

struct Write {
  Sequence sequence = 0;
  Kind kind = Kind::kPut;
  std::string key;
  std::string value;  // a range tombstone's end
  uint64_t expires_at = 0;

  std::string Stored() const {
    std::string stored;
    if (kind == Kind::kPutExpiring) PutFixed64(&stored, expires_at);
    return stored + value;
  }
};
using Writes = std::vector<Write>;

inline std::string KeyOf(uint64_t number) {
  const std::string digits = std::to_string(number);
  return "\x01key" + std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

inline Writes RandomWrites(SeededRandom* random, size_t count, uint64_t keys, bool ranges) {
  static constexpr Kind kKinds[] = {Kind::kPut,       Kind::kPut,         Kind::kPut,
                                    Kind::kTombstone, Kind::kPutExpiring, Kind::kExpire};
  Writes writes;
  for (size_t i = 1; i <= count; ++i) {
    Write write;
    write.sequence = i;
    write.key = KeyOf(random->Below(keys));
    if (ranges && random->Below(25) == 0) {
      write.kind = Kind::kRangeTombstone;
      write.value = KeyOf(random->Below(keys));
      if (write.key >= write.value) continue;
    } else {
      write.kind = kKinds[random->Below(6)];
      write.expires_at = random->Below(100);
      if (!IsTombstone(write.kind)) {
        write.value = std::to_string(i) + std::string(random->Below(20), 'v');
      }
    }
    writes.push_back(std::move(write));
  }
  return writes;
}

// Key → newest visible value, all rules applied one write after the other.
inline std::map<std::string, std::string> ModelAt(const Writes& writes, Sequence sequence,
                                                  uint64_t now_ms) {
  std::map<std::string, std::string> model;
  for (const Write& write : writes) {
    if (write.sequence > sequence) break;
    const bool gone = write.kind == Kind::kPutExpiring && write.expires_at <= now_ms;
    if (write.kind == Kind::kRangeTombstone) {
      model.erase(model.lower_bound(write.key), model.lower_bound(write.value));
    } else if (IsTombstone(write.kind) || gone) {
      model.erase(write.key);
    } else {
      model[write.key] = write.value;
    }
  }
  return model;
}

inline std::shared_ptr<Memtable> MemtableOf(const Writes& writes) {
  auto memtable = std::make_shared<Memtable>(1 << 16);
  for (const Write& write : writes) {
    const Status status =
        write.kind == Kind::kRangeTombstone
            ? memtable->AddRange(write.sequence, write.key, write.value)
            : memtable->Add(write.sequence, write.kind, write.key, write.value, write.expires_at);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  return memtable;
}

// Makes views; keeps the disk of their tables. One thread.
class ViewMaker {
 public:
  explicit ViewMaker(uint64_t seed) : random_(seed) {}

  // The writes from the newest to the oldest: memtable, frozen, level 0, deeper levels.
  std::shared_ptr<const View> Make(const Writes& writes, size_t frozen, size_t level0,
                                   size_t levels) {
    std::vector<size_t> cuts = {0, writes.size()};
    for (size_t i = 0; i < frozen + level0 + levels; ++i) {
      cuts.push_back(random_.Below(writes.size() + 1));
    }
    std::sort(cuts.rbegin(), cuts.rend());
    size_t next = 0;
    const auto take = [&] {
      next += 1;
      return Writes(writes.begin() + static_cast<ptrdiff_t>(cuts[next]),
                    writes.begin() + static_cast<ptrdiff_t>(cuts[next - 1]));
    };
    auto memtable = MemtableOf(take());
    std::vector<std::shared_ptr<Memtable>> older;
    for (size_t i = 0; i < frozen; ++i) older.push_back(MemtableOf(take()));
    std::vector<View::Tables> tables(1);
    for (size_t i = 0; i < level0; ++i) AddTable(take(), "", "\xff", &tables[0]);
    for (size_t i = 0; i < levels; ++i) tables.push_back(Run(take()));
    return std::make_shared<const View>(std::move(memtable), std::move(older), std::move(tables));
  }

  // Disjoint tables, cut anywhere; a range tombstone may end where the next table begins.
  View::Tables Run(const Writes& writes) {
    std::vector<std::string> cuts = {"", "\xff"};
    for (uint64_t i = random_.Below(6); i > 0; --i) {
      if (!writes.empty()) cuts.push_back(writes[random_.Below(writes.size())].key);
    }
    std::sort(cuts.begin(), cuts.end());
    View::Tables tables;
    for (size_t i = 1; i < cuts.size(); ++i) AddTable(writes, cuts[i - 1], cuts[i], &tables);
    return tables;
  }

 private:
  // Writes the part within [start, end), unless there is none.
  void AddTable(const Writes& writes, const std::string& start, const std::string& end,
                View::Tables* tables) {
    std::map<std::pair<std::string, uint64_t>, std::string> entries;
    std::vector<RangeTombstone> ranges;
    for (const Write& write : writes) {
      if (write.kind == Kind::kRangeTombstone) {
        const std::string from = std::max(write.key, start), to = std::min(write.value, end);
        if (from < to) ranges.push_back({from, to, write.sequence});
      } else if (write.key >= start && write.key < end) {
        entries[{write.key, ~PackTrailer(write.sequence, write.kind)}] = write.Stored();
      }
    }
    if (entries.empty() && ranges.empty()) return;
    const uint64_t number = ++tables_made_;
    const std::string path = "/" + std::to_string(number);
    FileId id{};
    std::memcpy(id.data(), &number, sizeof(number));
    std::unique_ptr<File> file;
    ASSERT_OK(fs_->Open(path, OpenMode::kCreateExclusive, &file));
    TableOptions options;
    options.block_bytes = 128;
    TableWriter writer(options, std::move(file), id);
    for (const auto& [place, value] : entries) {
      ASSERT_OK(writer.Add(place.first, ~place.second, value));
    }
    writer.SetRangeTombstones(RangeTombstones(ranges));
    ASSERT_OK(writer.Finish());
    std::shared_ptr<TableReader> table;
    ASSERT_OK(TableReader::Open(fs_.get(), path, number, id, cache_, counters_, &table));
    tables->push_back(std::move(table));
  }

  SeededRandom random_;
  uint64_t tables_made_ = 0;
  std::shared_ptr<MemoryFileSystem> fs_ = std::make_shared<MemoryFileSystem>();
  std::shared_ptr<BlockCache> cache_ = std::make_shared<BlockCache>(4096);
  std::shared_ptr<ReadCounters> counters_ = std::make_shared<ReadCounters>();
};

}  // namespace varve
