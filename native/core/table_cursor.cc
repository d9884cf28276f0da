#include "core/table_cursor.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace varve {
namespace {

// Blocks read one after the other before reading ahead begins.
constexpr int kBlocksInARow = 2;
// … and before a walk is a long one, which others' blocks need not make room for.
constexpr int kBlocksOfAShortWalk = 16;
constexpr size_t kWindowBytesMin = 32 << 10;

}  // namespace

std::unique_ptr<Cursor> TableReader::NewCursor(const CursorOptions& options) {
  return std::make_unique<TableCursor>(shared_from_this(), options);
}

TableCursor::TableCursor(std::shared_ptr<TableReader> table,
                         const TableReader::CursorOptions& options)
    : table_(std::move(table)), options_(options) {}

void TableCursor::SeekToFirst() {
  status_ = Status::Ok();
  if (index().blocks() == 0) return Leave();
  if (!Enter(0)) return;
  walker_.SeekToFirst();
  StandForward();
}

void TableCursor::SeekToLast() {
  status_ = Status::Ok();
  if (index().blocks() == 0) return Leave();
  if (!Enter(index().blocks() - 1)) return;
  walker_.SeekToLast();
  StandBackward();
}

void TableCursor::Seek(Slice key, uint64_t trailer) {
  status_ = Status::Ok();
  const uint32_t block = index().Find(key, trailer);
  if (block == index().blocks()) return Leave();
  if (!Enter(block)) return;
  walker_.Seek(key, trailer);
  StandForward();
}

void TableCursor::SeekBefore(Slice key) {
  status_ = Status::Ok();
  const uint32_t block = index().Find(key, kTrailerFirst);
  if (block == index().blocks()) return SeekToLast();
  if (!Enter(block)) return;
  walker_.SeekBefore(key);
  StandBackward();
}

void TableCursor::Next() {
  walker_.Next();
  StandForward();
}

void TableCursor::Prev() {
  walker_.Prev();
  StandBackward();
}

void TableCursor::StandForward() {
  while (!Stand()) {
    if (!status_.ok()) return;
    if (block_ + 1 >= index().blocks()) return Leave();
    if (!Enter(block_ + 1)) return;
    walker_.SeekToFirst();
  }
}

void TableCursor::StandBackward() {
  while (!Stand()) {
    if (!status_.ok()) return;
    if (block_ == 0) return Leave();
    if (!Enter(block_ - 1)) return;
    walker_.SeekToLast();
  }
}

// False: the block is left behind, or damaged.
bool TableCursor::Stand() {
  if (!walker_.valid()) {
    if (walker_.damaged()) Fail(table_->DamagedBlock(block_));
    return false;
  }
  valid_ = true;
  key_ = walker_.key();
  trailer_ = walker_.trailer();
  value_ = walker_.value();
  return true;
}

void TableCursor::Leave() {
  valid_ = false;
  walker_.Detach();
  pin_.Release();
  block_ = kNoBlock;
}

bool TableCursor::Enter(uint32_t block) {
  if (block == block_ && pin_) return true;
  if (last_ == kNoBlock || block != (options_.reverse ? last_ - 1 : last_ + 1)) {
    if (block != last_) in_a_row_ = 0;
  } else {
    in_a_row_ += 1;
  }
  walker_.Detach();
  pin_.Release();
  block_ = block;
  Status status = Load(block);
  if (!status.ok()) {
    block_ = kNoBlock;
    Fail(std::move(status));
    return false;
  }
  last_ = block;
  walker_.Attach(pin_.get());
  return true;
}

bool TableCursor::ReadsAhead() const {
  if (options_.readahead_bytes == 0 || in_a_row_ < kBlocksInARow) return false;
  return options_.tier == ReadTier::kMayBlock ||
         (options_.tier == ReadTier::kNoWait && !is_blocked_);
}

CacheFill TableCursor::Fill() const {
  if (!options_.fill_cache) return CacheFill::kNever;
  return in_a_row_ < kBlocksOfAShortWalk ? CacheFill::kAlways : CacheFill::kIfRoom;
}

Status TableCursor::Load(uint32_t block) {
  if (IsAhead(block) || ReadsAhead()) {
    Status status = LoadAhead(block);
    // Of so much something is not at hand: maybe not this block.
    if (!status.IsWouldBlock()) return status;
  }
  return table_->ReadBlock(block, options_.tier, Fill(), &pin_);
}

Status TableCursor::LoadAhead(uint32_t block) {
  pin_ = table_->slots_->Find(block);
  if (pin_) return Status::Ok();
  if (!IsAhead(block)) VARVE_TRY(ReadAhead(block));
  const size_t size = index().block_bytes(block);
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  std::memcpy(bytes.get(),
              ahead_.get() + (index().block_offset(block) - index().block_offset(ahead_first_)),
              size);
  Block parsed;
  VARVE_TRY(table_->AdoptBlock(block, std::move(bytes), &parsed));
  pin_ = table_->slots_->Insert(block, std::move(parsed), Fill());
  return Status::Ok();
}

Status TableCursor::ReadAhead(uint32_t block) {
  // Where the last one ended, or at the block before, which a walk that would have blocked enters
  // again.
  const uint32_t next = options_.reverse ? ahead_first_ : ahead_end_;
  const bool goes_on = block == next || block + 1 == next;
  window_ =
      std::clamp(goes_on ? window_ * 2 : 0, std::min(kWindowBytesMin, options_.readahead_bytes),
                 options_.readahead_bytes);
  uint32_t first = block, end = block + 1;
  const auto bytes = [this](uint32_t from, uint32_t to) {
    return static_cast<size_t>(index().block_offset(to) - index().block_offset(from));
  };
  while (options_.reverse && first > 0 && bytes(first - 1, end) <= window_) --first;
  while (!options_.reverse && end < index().blocks() && bytes(first, end + 1) <= window_) ++end;
  const size_t size = bytes(first, end);
  if (size > ahead_capacity_) {
    ahead_first_ = ahead_end_ = 0;
    ahead_ = std::make_unique_for_overwrite<char[]>(size);
    ahead_capacity_ = size;
  }
  const bool waits = options_.tier == ReadTier::kMayBlock;
  Status status = table_->ReadRange(index().block_offset(first), size, options_.tier, ahead_.get());
  if (!status.ok()) {
    // Where it ended stays known: the next attempt goes on from there.
    ahead_first_ = ahead_end_ = options_.reverse ? block + 1 : block;
    is_blocked_ = true;
    return status;
  }
  std::atomic<uint64_t>& counter =
      waits ? table_->counters_->blocks_from_disk : table_->counters_->blocks_from_page_cache;
  counter.fetch_add(end - first, std::memory_order_relaxed);
  ahead_first_ = first;
  ahead_end_ = end;
  is_on_disk_ = is_on_disk_ || waits;
  is_blocked_ = false;
  if (is_on_disk_) PrepareNext();
  return Status::Ok();
}

// The system begins to read what will be read next.
void TableCursor::PrepareNext() const {
  const uint64_t size = std::min(window_ * 2, options_.readahead_bytes);
  const uint64_t data = index().block_offset(0);
  const uint64_t start = index().block_offset(ahead_first_), end = index().block_offset(ahead_end_);
  if (!options_.reverse && ahead_end_ < index().blocks()) {
    const uint64_t left = index().block_offset(index().blocks()) - end;
    table_->file_->AdviseSequential(end, std::min(size, left));
  } else if (options_.reverse && ahead_first_ > 0) {
    const uint64_t length = std::min(size, start - data);
    table_->file_->AdviseSequential(start - length, length);
  }
}

}  // namespace varve
