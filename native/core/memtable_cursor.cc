#include "core/memtable_cursor.h"

namespace varve {

// Entries lie scattered: they are asked for together, the caller takes them one by one.

void MemtableCursor::StartForward(int at) {
  while (at >= batch_.count) {
    valid_ = tree_->Next(&batch_);
    if (!valid_) return;
    at = 0;
  }
  for (int i = at; i < batch_.count; ++i) __builtin_prefetch(batch_.entries[i]);
  at_ = at;
  valid_ = true;
  Stand();
}

void MemtableCursor::StartBackward(int end) {
  for (int i = end - 1; i >= 0; --i) __builtin_prefetch(batch_.entries[i]);
  at_ = end - 1;
  valid_ = end > 0;
  if (valid_) Stand();
}

}  // namespace varve
