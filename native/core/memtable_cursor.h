// MemtableCursor: walks a skip list in either direction; see cursor.h.
//
// The list has no links back. Reverse walks collect the dozen nodes before the
// present one at a time; entries added between them meanwhile are newer than
// what the reader may see.
#pragma once

#include "core/cursor.h"
#include "core/skiplist.h"

namespace varve {

class MemtableCursor final : public Cursor {
 public:
  // `list` must outlive the cursor.
  explicit MemtableCursor(const SkipList* list) : list_(list) {}

  void SeekToFirst() override { Start(list_->First()); }
  void SeekToLast() override { Start(list_->Last()); }
  void Seek(Slice key, uint64_t trailer) override { Start(list_->SeekAtOrAfter(key, trailer)); }
  void SeekBefore(Slice key) override { Start(list_->SeekBefore(key, kTrailerFirst)); }
  void Next() override { Stand(SkipList::Next(node_)); }
  void Prev() override;

 private:
  static constexpr int kBehindMax = 32;

  void Start(const SkipList::Node* node) {
    behind_count_ = 0;
    Stand(node);
  }
  void Stand(const SkipList::Node* node) {
    node_ = node;
    valid_ = node != nullptr;
    if (!valid_) return;
    // The node after this one, while the caller is busy with it.
    __builtin_prefetch(SkipList::Next(node));
    trailer_ = node->trailer;
    key_ = node->key();
    value_ = node->value();
  }

  const SkipList* const list_;
  const SkipList::Node* node_ = nullptr;
  int behind_count_ = 0;  // nodes before node_, in order, still to be given out
  const SkipList::Node* behind_[kBehindMax];
};

inline void MemtableCursor::Prev() {
  if (behind_count_ == 0) behind_count_ = list_->CollectBefore(key_, trailer_, behind_, kBehindMax);
  Stand(behind_count_ == 0 ? nullptr : behind_[--behind_count_]);
}

}  // namespace varve
