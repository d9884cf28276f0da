#include "core/memtable_cursor.h"

namespace varve {

// Entries lie scattered: a leaf's are asked for together, half a leaf ahead of the walk.

void MemtableCursor::Seek(Slice key, uint64_t trailer) {
  has_ahead_ = false;
  const int at = tree_->Seek(key, trailer, &batch_);
  for (int i = at; i < batch_.count; ++i) __builtin_prefetch(batch_.entries[i]);
  StartForward(at);
}

void MemtableCursor::StartForward(int at) {
  while (at >= batch_.count) {
    if (!has_ahead_) ReadAhead();
    valid_ = has_ahead_;
    if (!valid_) return;
    batch_ = ahead_;
    has_ahead_ = false;
    at = 0;
  }
  at_ = at;
  valid_ = true;
  Stand();
}

void MemtableCursor::ReadAhead() {
  ahead_.next = batch_.next;
  has_ahead_ = tree_->Next(&ahead_);
  if (!has_ahead_) return;
  for (int i = 0; i < ahead_.count; ++i) __builtin_prefetch(ahead_.entries[i]);
}

void MemtableCursor::StartBackward(int end) {
  for (int i = end - 1; i >= 0; --i) __builtin_prefetch(batch_.entries[i]);
  at_ = end - 1;
  valid_ = end > 0;
  if (valid_) Stand();
}

}  // namespace varve
