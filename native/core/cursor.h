// Cursor: internal iteration over one sorted source of entries.
//
// A cursor moves in the direction it was made for: forward cursors answer
// SeekToFirst, Seek and Next, reverse cursors SeekToLast, SeekBefore and Prev.
// (A user's iterator never turns round, so no cursor has to.)
//
// Invariants:
//  1. valid() implies status().ok(); key, trailer and value stay readable until
//     the next call that moves the cursor.
//  2. A cursor that meets kWouldBlock becomes invalid with that status. It may be
//     sought again (from another thread, with set_tier(kMayBlock)).
// Thread safety: one thread at a time.
#pragma once

#include <memory>

#include "core/format.h"

namespace varve {

enum class ReadTier : uint8_t {
  kCacheOnly,  // block cache
  kNoWait,     // … and the page cache, as far as the system can tell
  kMayBlock,   // … and the disk
};

class Cursor {
 public:
  virtual ~Cursor() = default;

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  // First entry at or after (key, trailer) in entry order.
  virtual void Seek(Slice key, uint64_t trailer) = 0;
  // Last entry (in entry order) whose key is < `key`.
  virtual void SeekBefore(Slice key) = 0;
  virtual void Next() = 0;  // REQUIRES: valid()
  virtual void Prev() = 0;  // REQUIRES: valid()
  virtual void set_tier(ReadTier) {}

  bool valid() const { return valid_; }
  Slice key() const { return key_; }
  uint64_t trailer() const { return trailer_; }
  Slice value() const { return value_; }
  Sequence sequence() const { return TrailerSequence(trailer_); }
  Kind kind() const { return TrailerKind(trailer_); }
  const Status& status() const { return status_; }

 protected:
  void Fail(Status status) {
    status_ = std::move(status);
    valid_ = false;
  }

  bool valid_ = false;
  uint64_t trailer_ = 0;
  Slice key_;
  Slice value_;
  Status status_;
};

}  // namespace varve
