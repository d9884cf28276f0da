#include "core/table_cursor.h"

#include <cstring>
#include <utility>

namespace varve {
namespace {

// Blocks read one after the other before reading ahead begins.
constexpr int kBlocksInARow = 2;

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
  const uint32_t expected = options_.reverse ? block_ - 1 : block_ + 1;
  in_a_row_ = block_ != kNoBlock && block == expected ? in_a_row_ + 1 : 0;
  walker_.Detach();
  pin_.Release();
  block_ = block;
  Status status = Load(block);
  if (!status.ok()) {
    block_ = kNoBlock;
    Fail(std::move(status));
    return false;
  }
  walker_.Attach(pin_.get());
  return true;
}

Status TableCursor::Load(uint32_t block) {
  const bool reads_ahead = options_.tier == ReadTier::kMayBlock && options_.readahead_bytes > 0;
  if (!IsAhead(block) && (!reads_ahead || in_a_row_ < kBlocksInARow)) {
    return table_->ReadBlock(block, options_.tier, options_.fill_cache, &pin_);
  }
  pin_ = table_->FindBlock(block);
  if (pin_) return Status::Ok();
  if (!IsAhead(block)) VARVE_TRY(ReadAhead(block));
  const size_t size = index().block_bytes(block);
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  std::memcpy(bytes.get(),
              ahead_.get() + (index().block_offset(block) - index().block_offset(ahead_first_)),
              size);
  Block parsed;
  VARVE_TRY(table_->AdoptBlock(block, std::move(bytes), &parsed));
  pin_ = table_->InsertBlock(block, std::move(parsed), options_.fill_cache);
  return Status::Ok();
}

Status TableCursor::ReadAhead(uint32_t block) {
  uint32_t first = block, end = block + 1;
  const auto bytes = [this](uint32_t from, uint32_t to) {
    return static_cast<size_t>(index().block_offset(to) - index().block_offset(from));
  };
  while (options_.reverse && first > 0 && bytes(first - 1, end) <= options_.readahead_bytes) {
    --first;
  }
  while (!options_.reverse && end < index().blocks() &&
         bytes(first, end + 1) <= options_.readahead_bytes) {
    ++end;
  }
  const size_t size = bytes(first, end);
  ahead_first_ = ahead_end_ = 0;
  if (size > ahead_capacity_) {
    ahead_ = std::make_unique_for_overwrite<char[]>(size);
    ahead_capacity_ = size;
  }
  VARVE_TRY(table_->ReadRange(index().block_offset(first), size, options_.tier, ahead_.get()));
  table_->counters_->blocks_from_disk.fetch_add(end - first, std::memory_order_relaxed);
  ahead_first_ = first;
  ahead_end_ = end;
  return Status::Ok();
}

}  // namespace varve
