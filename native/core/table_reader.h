// TableReader: one open table. Index and filter are pinned in memory; blocks come
// from the cache, the page cache or the disk, as the tier allows.
//
// Thread safety: everything from any thread. Shared by views, cursors and jobs
// through shared_ptr; the last one to let go closes the file.
// Invariant: no byte of a block is used before its checksum (kind, file id and
// offset mixed in) was verified; errors name file and offset.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/cache.h"
#include "core/cursor.h"
#include "core/file.h"
#include "core/filter.h"
#include "core/lookup.h"
#include "core/range_tombstones.h"
#include "core/table_format.h"
#include "core/table_index.h"
#include "core/table_layout.h"

namespace varve {

struct ReadCounters {  // relaxed atomics, one set per database
  std::atomic<uint64_t> filter_checks{0}, filter_negatives{0}, filter_false_positives{0};
  std::atomic<uint64_t> blocks_from_page_cache{0}, blocks_from_disk{0}, would_block{0};
  std::atomic<uint64_t> block_bytes_read{0};
};

class TableReader : public std::enable_shared_from_this<TableReader> {
  struct Key {};  // only Open makes readers

 public:
  TableReader(Key, std::string path, uint64_t number, const FileId& id);
  // `id`: what the manifest says; a file with another identity is kCorruption.
  // `number`: local name, for cache shards and messages. `cache` may be null.
  static Status Open(FileSystem* fs, const std::string& path, uint64_t number, const FileId& id,
                     std::shared_ptr<BlockCache> cache, std::shared_ptr<ReadCounters> counters,
                     std::shared_ptr<TableReader>* table);
  ~TableReader();

  // Range tombstones, filter, index, block: decides *result or leaves it as it was
  // (covering may be raised). kWouldBlock when the tier does not reach.
  Status Get(const LookupKey& key, ReadTier tier, LookupResult* result) const;

  // Brings near what Get of a key with this hash touches first.
  void Prefetch(uint64_t hash) const {
    if (has_filter_) filter_.Prefetch(hash);
  }

  struct CursorOptions {
    ReadTier tier = ReadTier::kMayBlock;
    bool reverse = false;
    bool fill_cache = true;  // a long walk fills it only as far as nothing has to go for that
    // Once two blocks were read in a row: read ahead, more and more, up to this many bytes at once
    // (0: never).
    size_t readahead_bytes = 0;
  };
  std::unique_ptr<Cursor> NewCursor(const CursorOptions& options);

  const TableProperties& properties() const { return properties_; }
  const RangeTombstones& range_tombstones() const { return range_tombstones_; }
  uint64_t number() const { return number_; }
  const std::string& path() const { return path_; }
  size_t pinned_bytes() const;  // index, filter, slots
  // Bytes of data blocks before the first entry >= key.
  uint64_t ApproximateOffset(Slice key) const;

  // Reads every byte of the file: checksums, order of entries, bounds, counts, filter
  // (each key must pass), properties. `entries_seen` grows as it goes.
  Status Verify(const std::atomic<bool>* cancelled, std::atomic<uint64_t>* bytes_done) const;

 private:
  friend class TableCursor;
  friend class TableProbes;
  friend class TableVerifier;

  Status Load(std::shared_ptr<BlockCache> cache);
  Status LoadSections();
  Status LoadFilter(int number);
  Status LoadRanges(int number);
  // Range tombstones and filter: whether the table may hold the key itself.
  bool MayHold(const LookupKey& key, LookupResult* result) const;
  // The rest of Get, from the key's block on; `pin`: that block, or nothing.
  Status GetFrom(uint32_t block, BlockPin pin, const LookupKey& key, ReadTier tier,
                 LookupResult* result) const;
  // The block, from the cache or read as the tier allows.
  Status ReadBlock(uint32_t block, ReadTier tier, CacheFill fill, BlockPin* pin) const;
  Status ReadRange(uint64_t offset, size_t size, ReadTier tier, char* to) const;
  // `bytes`: a block with its trailer, just read. Verifies and parses it.
  Status AdoptBlock(uint32_t block, std::unique_ptr<char[]> bytes, Block* parsed) const;
  Status DamagedBlock(uint32_t block) const;

  std::string path_;
  uint64_t number_ = 0;
  FileId id_;
  crc32c::Seed seed_;
  std::unique_ptr<File> file_;
  TableLayout layout_;
  AlignedBytes index_bytes_, filter_bytes_;
  TableIndex index_;
  Filter filter_;
  bool has_filter_ = false;
  std::shared_ptr<BlockCache> cache_;  // may be null
  std::unique_ptr<BlockSlots> slots_;  // goes before its cache
  std::shared_ptr<ReadCounters> counters_;
  TableProperties properties_;
  RangeTombstones range_tombstones_;
};

}  // namespace varve
