// Scan: what a user's iterator reads through: visible entries of a view between two
// bounds, newest version each, tombstones, range tombstones and expired entries left
// out, in pages.
//
// Resumption: a page that would block, or a view that grew old, loses nothing: the
// scan remembers the last key it gave out and seeks past it again, on any thread
// with any tier, on the same or a newer view. After any other error it goes on there too;
// entries that were at hand before the error come as a page of their own.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/view.h"

namespace varve {

struct ScanOptions {
  std::string start;  // inclusive
  std::string end;    // exclusive
  bool reverse = false;
  bool fill_cache = true;
  Sequence sequence = kSequenceMax;  // newest sequence that may be seen
  uint64_t now_ms = 0;               // entries with expiresAt <= now_ms are gone
  size_t strip = 0;                  // bytes of the stored key (the space id) left out of pages
};

// Where a page's entries go. Sizes of entry i are sizes[2i] (key) and sizes[2i + 1]
// (value). Keys lie one after the other in `keys`, values in `values`; a capacity of 0
// leaves that side out (its sizes are still given).
struct ScanPage {
  char* keys = nullptr;
  size_t keys_capacity = 0;
  char* values = nullptr;
  size_t values_capacity = 0;
  uint32_t* sizes = nullptr;
  size_t entries_max = 0;
  // out
  size_t entries = 0, keys_bytes = 0, values_bytes = 0;
  bool keys_ascii = true, values_ascii = true;
  bool done = false;  // no more entries within the bounds
  // When entries == 0 and !done and the status is ok: the next entry does not fit;
  // these are its sizes, and the caller comes back with room for it. Both 0: many entries
  // were passed over (deleted, say) and more lie ahead; the caller just comes back, so that
  // no call takes long.
  size_t next_key_bytes = 0, next_value_bytes = 0;
};

// What a walk that gives nothing out found.
struct ScanCount {
  uint64_t entries = 0;
  Sequence sequence_last = 0;  // highest of their sequences; 0 without entries
  bool done = false;           // no more entries within the bounds
};

class Scan {
 public:
  Scan(std::shared_ptr<const View> view, ScanOptions options);
  ~Scan();

  // Fills a page from where the last one ended. kWouldBlock: the page holds what was
  // at hand (maybe nothing); call again, on a thread that may wait.
  Status Fill(ReadTier tier, ScanPage* page);
  // Moves to the first entry at or after `key` (reverse: at or before), within the bounds.
  void Seek(Slice key);
  // Goes on over a newer view, at the same sequence.
  void Refresh(std::shared_ptr<const View> view);
  // Moves past up to `entries_max` of the entries ahead and counts them. As a page it may come back
  // with fewer, !done and ok, after many that were passed over. After kWouldBlock or an error
  // *count holds those so far; the next call goes on behind them.
  Status Count(ReadTier tier, uint64_t entries_max, ScanCount* count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve
