// Block: a sorted run of entries in a table, read side.
//
// Contents (block_builder.h writes them):
//   entry*       varint32 shared · varint32 unshared · varint32 value_size
//                · key bytes [unshared] · fixed64 trailer · value bytes
//                (shared counts bytes taken from the entry before; 0 at restarts)
//   restart*     fixed32 offset of each restart entry
//   tag*         u8 each, the hash index: the low byte of Hash64(key) of each entry, in the
//                entries' order (absent when tags = 0)
//   fixed32 restarts · fixed16 tags · fixed16 interval: entries from one restart to the next
//
// A block is parsed once (Parse checks every bound it can in O(1)); walking it
// checks each entry, so damaged bytes that pass a checksum still cannot read out of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/cursor.h"

namespace varve {

class Block {
 public:
  static char TagOf(uint64_t hash) { return static_cast<char>(hash); }

  // Takes the decompressed contents (without the trailer of type and checksum).
  static Status Parse(std::unique_ptr<char[]> contents, size_t size, Block* block);

  // Finds the newest version of `key` with trailer <= SeekTrailer(sequence), by the hash
  // index if there is one. Slices point into the block.
  // kFound: *trailer and *value; kAbsent: not in this block, and nothing after the
  // block can hold it; kNextBlock: the search ran off the end, look on in the next.
  enum class Found : uint8_t { kFound, kAbsent, kNextBlock, kDamaged };
  Found Get(Slice key, uint64_t hash, uint64_t seek_trailer, uint64_t* trailer, Slice* value) const;

  // Bring near, one after the other, what Get reads.
  void PrefetchIndex() const {
    __builtin_prefetch(tags_);
    __builtin_prefetch(contents_.get() + entries_end_);
  }
  void PrefetchEntry(uint64_t hash) const;

  size_t size() const { return size_; }
  Slice contents() const { return Slice(contents_.get(), size_); }
  uint32_t restarts() const { return restarts_; }
  uint32_t restart_offset(uint32_t index) const;
  uint32_t entries_end() const { return entries_end_; }

 private:
  // The newest version by the hash index. kNextBlock: it does not know of one.
  Found GetTagged(Slice key, uint64_t hash, uint64_t seek_trailer, uint64_t* trailer,
                  Slice* value) const;
  // From a restart on. An entry at or after `home_end` is of interest only while the
  // key's versions, which begin before it, go on: kNextBlock there.
  Found Scan(uint32_t restart, uint32_t home_end, Slice key, uint64_t seek_trailer,
             uint64_t* trailer, Slice* value) const;

  std::unique_ptr<char[]> contents_;
  size_t size_ = 0;
  uint32_t entries_end_ = 0;
  uint32_t restarts_ = 0;
  const char* tags_ = nullptr;
  uint32_t tag_count_ = 0;
  uint32_t interval_ = 0;
};

// Walks one block; forward and reverse both work here. Not virtual inside: table
// cursors hold it by value. `block` must outlive the walk.
class BlockWalker {
 public:
  void Attach(const Block* block);
  void Detach();
  void SeekToFirst();
  void SeekToLast();
  void Seek(Slice key, uint64_t trailer);  // first entry >= (key, trailer)
  void SeekBefore(Slice key);              // last entry with a key < `key`
  void Next();
  void Prev();
  bool valid() const { return valid_; }
  bool damaged() const { return damaged_; }
  Slice key() const { return Slice(key_.data(), key_.size()); }
  uint64_t trailer() const { return trailer_; }
  Slice value() const { return value_; }

 private:
  // Where an entry of the loaded interval lies, and what its key takes from the one before.
  struct Place {
    uint32_t offset, end, shared, unshared, suffix;
  };
  static constexpr uint32_t kNowhere = UINT32_MAX;

  bool Reset();  // false: there is nothing to walk
  void Fail();
  uint32_t IntervalEnd(uint32_t restart) const;
  bool LoadInterval(uint32_t restart);
  bool LoadCurrentInterval();
  void ShowPlace(uint32_t place, size_t kept);

  const Block* block_ = nullptr;
  bool valid_ = false, damaged_ = false;
  uint32_t offset_ = 0;        // of the entry shown
  uint32_t next_ = 0;          // of the one after it
  std::vector<Place> places_;  // the interval loaded for going back
  uint32_t interval_ = 0;      // its restart
  uint32_t place_ = kNowhere;  // of the entry shown, when it was reached going back
  std::string key_;
  uint64_t trailer_ = 0;
  Slice value_;
};

}  // namespace varve
