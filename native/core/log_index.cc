#include "core/log_index.h"

#include <algorithm>

namespace varve {

namespace {
constexpr int kOffsetBits = 40;
}

void LogIndex::Reset(const LogPosition& base, std::string membership) {
  base_ = base;
  locations_.clear();
  terms_.clear();
  memberships_.clear();
  memberships_.push_back({base.index, std::move(membership)});
}

void LogIndex::Push(uint64_t term, uint32_t slot, uint64_t offset) {
  const uint64_t last_term = terms_.empty() ? base_.term : terms_.back().term;
  locations_.push_back(uint64_t{slot} << kOffsetBits | offset);
  if (term != last_term) terms_.push_back({last(), term});
}

void LogIndex::TruncateAfter(uint64_t index) {
  locations_.resize(index - base_.index);
  while (!terms_.empty() && terms_.back().index > index) terms_.pop_back();
  while (memberships_.size() > 1 && memberships_.back().index > index) memberships_.pop_back();
}

void LogIndex::DropThrough(const LogPosition& new_base) {
  const auto dropped = static_cast<std::ptrdiff_t>(new_base.index - base_.index);
  locations_.erase(locations_.begin(), locations_.begin() + dropped);
  base_ = new_base;
  while (!terms_.empty() && terms_.front().index <= base_.index) terms_.pop_front();
  while (memberships_.size() > 1 && memberships_[1].index <= base_.index) memberships_.pop_front();
}

EntryLocation LogIndex::Locate(uint64_t index) const {
  const uint64_t packed = locations_[index - base_.index - 1];
  return {static_cast<uint32_t>(packed >> kOffsetBits),
          packed & ((uint64_t{1} << kOffsetBits) - 1)};
}

uint64_t LogIndex::LastInSlot(uint32_t slot) const {
  const uint64_t above = uint64_t{slot + 1} << kOffsetBits;
  const auto end = std::lower_bound(locations_.begin(), locations_.end(), above);
  return base_.index + static_cast<uint64_t>(end - locations_.begin());
}

Status LogIndex::Term(uint64_t index, uint64_t* term) const {
  if (index < base_.index || index > last()) {
    return Status(Code::kNotFound, "the wal holds entries " + std::to_string(base_.index + 1) +
                                       " to " + std::to_string(last()) + ", not " +
                                       std::to_string(index));
  }
  const auto after = std::upper_bound(
      terms_.begin(), terms_.end(), index,
      [](uint64_t wanted, const TermStart& start) { return wanted < start.index; });
  *term = after == terms_.begin() ? base_.term : std::prev(after)->term;
  return Status::Ok();
}

void LogIndex::SetMembership(uint64_t index, std::string membership) {
  if (memberships_.back().index == index) memberships_.pop_back();
  memberships_.push_back({index, std::move(membership)});
}

}  // namespace varve
