// MemtableCursor: walks an EntryTree in either direction, a leaf at a time; see cursor.h.
// Entries added to a leaf after it was read are newer than what the reader may see.
#pragma once

#include "core/cursor.h"
#include "core/entry_tree.h"

namespace varve {

class MemtableCursor final : public Cursor {
 public:
  // `tree` must outlive the cursor.
  explicit MemtableCursor(const EntryTree* tree) : tree_(tree) {}

  void SeekToFirst() override {
    has_ahead_ = false;
    tree_->First(&batch_);
    StartForward(0);
  }
  void SeekToLast() override {
    tree_->Last(&batch_);
    StartBackward(batch_.count);
  }
  void Seek(Slice key, uint64_t trailer) override;
  void SeekBefore(Slice key) override { StartBackward(tree_->Seek(key, kTrailerFirst, &batch_)); }
  void Next() override {
    if (++at_ == batch_.count) return StartForward(at_);
    Stand();
    if (at_ == batch_.count / 2) ReadAhead();
  }
  void Prev() override {
    if (--at_ >= 0) {
      Stand();
    } else {
      StartBackward(tree_->Seek(key_, trailer_, &batch_));
    }
  }

 private:
  void StartForward(int at);
  void ReadAhead();
  void StartBackward(int end);
  void Stand() {
    const EntryTree::Entry* const entry = batch_.entries[at_];
    trailer_ = entry->trailer;
    key_ = entry->key();
    value_ = entry->value();
  }

  const EntryTree* const tree_;
  EntryTree::Batch batch_{};
  EntryTree::Batch ahead_{};  // forward: the leaf after, if it was read already
  bool has_ahead_ = false;
  int at_ = 0;
};

}  // namespace varve
