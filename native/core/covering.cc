#include "core/covering.h"

#include <algorithm>
#include <utility>

namespace varve {
namespace {

constexpr int kStepsBeforeLeap = 8;
constexpr int kPassedMax = 256;

class LeapingCursor final : public Cursor {
 public:
  LeapingCursor(std::unique_ptr<Cursor> child, const Covering& covering, Sequence sequence_last,
                bool reverse)
      : child_(std::move(child)),
        covering_(covering),
        sequence_last_(sequence_last),
        reverse_(reverse) {}

  void SeekToFirst() override {
    child_->SeekToFirst();
    Settle();
  }
  void SeekToLast() override {
    child_->SeekToLast();
    Settle();
  }
  void Seek(Slice key, uint64_t trailer) override {
    child_->Seek(key, trailer);
    Settle();
  }
  void SeekBefore(Slice key) override {
    child_->SeekBefore(key);
    Settle();
  }
  void Next() override {
    child_->Next();
    Settle();
  }
  void Prev() override {
    child_->Prev();
    Settle();
  }
  void set_tier(ReadTier tier) override { child_->set_tier(tier); }

 private:
  void Settle() {
    const char* span = nullptr;
    int steps = 0;
    for (int passed = 0; passed < kPassedMax && child_->valid(); ++passed) {
      if (covering_.At(child_->key()) <= sequence_last_) break;
      if (span != covering_.end().data()) {
        span = covering_.end().data();
        steps = 0;
      }
      if (++steps > kStepsBeforeLeap) {
        Leap();
      } else if (reverse_) {
        child_->Prev();
      } else {
        child_->Next();
      }
    }
    Take();
  }
  void Leap() {
    if (reverse_) {
      child_->SeekBefore(covering_.start());
    } else {
      child_->Seek(covering_.end(), kTrailerFirst);
    }
  }
  void Take() {
    valid_ = child_->valid();
    if (valid_) {
      key_ = child_->key();
      trailer_ = child_->trailer();
      value_ = child_->value();
    }
    status_ = child_->status();
  }

  const std::unique_ptr<Cursor> child_;
  Covering covering_;
  const Sequence sequence_last_;
  const bool reverse_;
};

}  // namespace

void Covering::Locate(Slice key) {
  located_ = true;
  has_end_ = false;
  start_ = Slice();
  newest_ = 0;
  for (const auto& list : *lists_) Narrow(*list, key);
}

void Covering::Narrow(const RangeTombstones& list, Slice key) {
  const auto& fragments = list.fragments();
  const auto after =
      std::partition_point(fragments.begin(), fragments.end(),
                           [key](const auto& fragment) { return Slice(fragment.start) <= key; });
  const auto end_at = [this](Slice end) {
    if (!has_end_ || end < end_) end_ = end;
    has_end_ = true;
  };
  if (after != fragments.begin()) {
    const RangeTombstones::Fragment& before = *std::prev(after);
    if (key < Slice(before.end)) {
      start_ = std::max(start_, Slice(before.start));
      newest_ = std::max(newest_, list.Covering(key, visible_));
      return end_at(before.end);
    }
    start_ = std::max(start_, Slice(before.end));
  }
  if (after != fragments.end()) end_at(after->start);
}

std::unique_ptr<Cursor> NewLeapingCursor(std::unique_ptr<Cursor> child,
                                         const RangeTombstoneLists* lists, Sequence visible,
                                         Sequence sequence_last, bool reverse) {
  return std::make_unique<LeapingCursor>(std::move(child), Covering(lists, visible), sequence_last,
                                         reverse);
}

}  // namespace varve
