#include "core/covering.h"

#include <algorithm>
#include <utility>

namespace varve {
namespace {

constexpr int kStepsBeforeLeap = 8;
constexpr int kPassedMax = 16;

class LeapingCursor final : public Cursor {
 public:
  LeapingCursor(std::unique_ptr<Cursor> child, Covering covering, bool reverse)
      : child_(std::move(child)), covering_(std::move(covering)), reverse_(reverse) {}

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
      if (covering_.At(child_->key()) == 0) break;
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
  const bool reverse_;
};

}  // namespace

void Covering::Locate(Slice key) {
  located_ = true;
  has_end_ = false;
  start_ = Slice();
  newest_ = 0;
  for (const Part& part : parts_) Narrow(part, key);
}

void Covering::EndAt(Slice end) {
  if (!has_end_ || end < end_) end_ = end;
  has_end_ = true;
}

void Covering::Narrow(const Part& part, Slice key) {
  const auto list = std::partition_point(
      part.run.begin(), part.run.end(),
      [key](const RangeTombstones* one) { return one->fragments().front().start <= key; });
  if (list != part.run.begin()) {
    const auto& fragments = (*std::prev(list))->fragments();
    const size_t after = (*std::prev(list))->StartsUpTo(key);
    const RangeTombstones::Fragment& before = fragments[after - 1];
    if (key < before.end) {
      start_ = std::max(start_, before.start);
      const Sequence found = before.Newest(visible_);
      if (found > part.floor) newest_ = std::max(newest_, found);
      return EndAt(before.end);
    }
    start_ = std::max(start_, before.end);
    if (after < fragments.size()) return EndAt(fragments[after].start);
  }
  if (list != part.run.end()) EndAt((*list)->fragments().front().start);
}

std::unique_ptr<Cursor> NewLeapingCursor(std::unique_ptr<Cursor> child, Covering covering,
                                         bool reverse) {
  return std::make_unique<LeapingCursor>(std::move(child), std::move(covering), reverse);
}

}  // namespace varve
