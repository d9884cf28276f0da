#include "core/level_cursor.h"

#include <algorithm>
#include <utility>

namespace varve {
namespace {

using Tables = std::vector<std::shared_ptr<TableReader>>;

class LevelCursor final : public Cursor {
 public:
  LevelCursor(Tables tables, const TableReader::CursorOptions& options)
      : tables_(std::move(tables)), options_(options) {}

  void SeekToFirst() override {
    if (!Open(0)) return;
    cursor_->SeekToFirst();
    TakeForward();
  }
  void SeekToLast() override {
    if (!Open(tables_.size() - 1)) return;
    cursor_->SeekToLast();
    TakeBackward();
  }
  void Seek(Slice key, uint64_t trailer) override {
    const auto table = std::partition_point(
        tables_.begin(), tables_.end(),
        [key](const auto& candidate) { return EndsBefore(candidate->properties(), key); });
    if (!Open(static_cast<size_t>(table - tables_.begin()))) return;
    cursor_->Seek(key, trailer);
    TakeForward();
  }
  void SeekBefore(Slice key) override {
    const auto after = std::partition_point(
        tables_.begin(), tables_.end(),
        [key](const auto& table) { return Slice(table->properties().key_first) < key; });
    // Before the first table this wraps round to no table.
    if (!Open(static_cast<size_t>(after - tables_.begin()) - 1)) return;
    cursor_->SeekBefore(key);
    TakeBackward();
  }
  void Next() override {
    cursor_->Next();
    TakeForward();
  }
  void Prev() override {
    cursor_->Prev();
    TakeBackward();
  }
  void set_tier(ReadTier tier) override {
    options_.tier = tier;
    if (cursor_) cursor_->set_tier(tier);
  }

 private:
  // False: there is no such table, and the cursor stands nowhere.
  bool Open(size_t at) {
    valid_ = false;
    status_ = Status();
    if (at >= tables_.size()) return false;
    if (cursor_ && at == at_) return true;
    at_ = at;
    cursor_ = tables_[at]->NewCursor(options_);
    return true;
  }

  void TakeForward() {
    while (!Take() && status_.ok() && Open(at_ + 1)) cursor_->SeekToFirst();
  }
  void TakeBackward() {
    while (!Take() && status_.ok() && Open(at_ - 1)) cursor_->SeekToLast();
  }
  // False: the table's cursor stands nowhere.
  bool Take() {
    valid_ = cursor_->valid();
    if (valid_) {
      key_ = cursor_->key();
      trailer_ = cursor_->trailer();
      value_ = cursor_->value();
    } else {
      status_ = cursor_->status();
    }
    return valid_;
  }

  const Tables tables_;
  TableReader::CursorOptions options_;
  std::unique_ptr<Cursor> cursor_;  // of tables_[at_]
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<Cursor> NewLevelCursor(Tables tables, const TableReader::CursorOptions& options) {
  return std::make_unique<LevelCursor>(std::move(tables), options);
}

}  // namespace varve
