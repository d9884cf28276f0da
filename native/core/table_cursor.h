// TableCursor: walks a table block by block; see cursor.h.
#pragma once

#include <memory>

#include "core/table_reader.h"

namespace varve {

class TableCursor final : public Cursor {
 public:
  TableCursor(std::shared_ptr<TableReader> table, const TableReader::CursorOptions& options);

  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(Slice key, uint64_t trailer) override;
  void SeekBefore(Slice key) override;
  void Next() override;
  void Prev() override;
  void set_tier(ReadTier tier) override { options_.tier = tier; }

 private:
  static constexpr uint32_t kNoBlock = UINT32_MAX;

  const TableIndex& index() const { return table_->index_; }
  // Attaches the walker to a block; false: failed.
  bool Enter(uint32_t block);
  Status Load(uint32_t block);
  Status LoadAhead(uint32_t block);
  Status ReadAhead(uint32_t block);
  void PrepareNext() const;
  bool ReadsAhead() const;
  CacheFill Fill() const;
  bool IsAhead(uint32_t block) const { return block >= ahead_first_ && block < ahead_end_; }
  // Stands where the walker is, or goes on at the nearest block behind or before this one.
  void StandForward();
  void StandBackward();
  bool Stand();
  void Leave();

  const std::shared_ptr<TableReader> table_;
  TableReader::CursorOptions options_;
  uint32_t block_ = kNoBlock;
  BlockPin pin_;
  BlockWalker walker_;
  // The block loaded last, and how many in a row there were before it. They outlive a failure: a
  // walk that would block goes on as it was.
  uint32_t last_ = kNoBlock;
  int in_a_row_ = 0;
  // How much is read ahead at once; whether the disk had to be waited for; whether, without
  // waiting, so much was not at hand last time.
  size_t window_ = 0;
  bool is_on_disk_ = false;
  bool is_blocked_ = false;
  // Blocks [ahead_first_, ahead_end_), as they lie in the file.
  uint32_t ahead_first_ = 0, ahead_end_ = 0;
  std::unique_ptr<char[]> ahead_;
  size_t ahead_capacity_ = 0;
};

}  // namespace varve
