#include "core/merging.h"

#include <algorithm>
#include <utility>

namespace varve {
namespace {

class EmptyCursor final : public Cursor {
 public:
  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(Slice, uint64_t) override {}
  void SeekBefore(Slice) override {}
  void Next() override {}
  void Prev() override {}
};

// Few children: an array kept in order beats a heap, and a child whose entries come in a row
// costs one comparison for each.
template <bool kReverse>
class MergingCursor final : public Cursor {
 public:
  explicit MergingCursor(std::vector<std::unique_ptr<Cursor>> children)
      : children_(std::move(children)) {
    order_.reserve(children_.size());
  }

  void SeekToFirst() override {
    Start([](Cursor* child) { child->SeekToFirst(); });
  }
  void SeekToLast() override {
    Start([](Cursor* child) { child->SeekToLast(); });
  }
  void Seek(Slice key, uint64_t trailer) override {
    Start([key, trailer](Cursor* child) { child->Seek(key, trailer); });
  }
  void SeekBefore(Slice key) override {
    Start([key](Cursor* child) { child->SeekBefore(key); });
  }
  void Next() override {
    order_.front().cursor->Next();
    Replay();
  }
  void Prev() override {
    order_.front().cursor->Prev();
    Replay();
  }
  void set_tier(ReadTier tier) override {
    for (const auto& child : children_) child->set_tier(tier);
  }

 private:
  struct Child {
    uint64_t prefix;
    Cursor* cursor;
  };

  static uint64_t PrefixOf(const Cursor& cursor) { return KeyPrefix(cursor.key(), Slice()); }
  // Whether `a` comes before `b` in the direction of travel.
  static bool Before(const Child& a, const Child& b) {
    if (a.prefix != b.prefix) return (a.prefix < b.prefix) != kReverse;
    const int order =
        CompareEntries(a.cursor->key(), a.cursor->trailer(), b.cursor->key(), b.cursor->trailer());
    return kReverse ? order > 0 : order < 0;
  }

  template <typename Move>
  void Start(Move move) {
    valid_ = false;
    status_ = Status();
    order_.clear();
    for (const auto& child : children_) {
      move(child.get());
      if (!child->status().ok()) return Fail(child->status());
      if (child->valid()) order_.push_back({PrefixOf(*child), child.get()});
    }
    std::sort(order_.begin(), order_.end(), Before);
    Stand();
  }

  // Puts the first child, which has moved, where it belongs now.
  void Replay() {
    Cursor* const moved = order_.front().cursor;
    if (moved->valid()) {
      const Child child = {PrefixOf(*moved), moved};
      size_t at = 0;
      for (; at + 1 < order_.size() && Before(order_[at + 1], child); ++at) {
        order_[at] = order_[at + 1];
      }
      order_[at] = child;
    } else {
      if (!moved->status().ok()) return Fail(moved->status());
      order_.erase(order_.begin());
    }
    Stand();
  }

  void Stand() {
    valid_ = !order_.empty();
    if (!valid_) return;
    const Cursor& first = *order_.front().cursor;
    key_ = first.key();
    trailer_ = first.trailer();
    value_ = first.value();
  }

  const std::vector<std::unique_ptr<Cursor>> children_;
  std::vector<Child> order_;  // those that stand on an entry, nearest first
};

}  // namespace

std::unique_ptr<Cursor> NewMergingCursor(std::vector<std::unique_ptr<Cursor>> children,
                                         bool reverse) {
  if (children.empty()) return std::make_unique<EmptyCursor>();
  if (children.size() == 1) return std::move(children.front());
  if (reverse) return std::make_unique<MergingCursor<true>>(std::move(children));
  return std::make_unique<MergingCursor<false>>(std::move(children));
}

}  // namespace varve
