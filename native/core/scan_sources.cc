#include "core/scan_sources.h"

#include <algorithm>

#include "core/level_cursor.h"
#include "core/merging.h"

namespace varve {
namespace {

constexpr size_t kReadaheadBytes = 256 << 10;

bool Overlaps(const TableProperties& table, const ScanOptions& options) {
  return !EndsBefore(table, options.start) && Slice(table.key_first) < Slice(options.end);
}

// The tables of a level that overlap the bounds; those of level 0 may overlap one another.
View::Tables Between(const View::Tables& tables, bool sorted, const ScanOptions& options) {
  View::Tables found;
  auto from = tables.begin();
  if (sorted) {
    from = std::partition_point(from, tables.end(), [&options](const auto& table) {
      return EndsBefore(table->properties(), options.start);
    });
  }
  for (; from != tables.end(); ++from) {
    if (Overlaps((*from)->properties(), options)) {
      found.push_back(*from);
    } else if (sorted) {
      break;
    }
  }
  return found;
}

}  // namespace

void ScanSources::Open(const ScanOptions& options) {
  std::vector<View::Tables> levels;
  for (const View::Tables& tables : view_->levels()) {
    levels.push_back(Between(tables, !levels.empty(), options));
  }
  CollectRanges(levels);
  covering_.emplace(&ranges_, options.sequence);
  std::vector<std::unique_ptr<Cursor>> children;
  children.push_back(view_->memtable()->NewCursor());
  for (const auto& memtable : view_->frozen()) children.push_back(memtable->NewCursor());
  for (size_t level = 0; level < levels.size(); ++level) {
    if (level > 0) {
      AddRun(std::move(levels[level]), options, &children);
    } else {
      for (auto& table : levels[level]) AddRun({std::move(table)}, options, &children);
    }
  }
  cursor_ = NewMergingCursor(std::move(children), options.reverse);
}

void ScanSources::Reset(std::shared_ptr<const View> view) {
  cursor_.reset();
  covering_.reset();
  ranges_.clear();
  view_ = std::move(view);
}

void ScanSources::CollectRanges(const std::vector<View::Tables>& levels) {
  const auto add_memtable = [this](const Memtable& memtable) {
    if (memtable.has_range_tombstones()) ranges_.push_back(memtable.range_tombstones());
  };
  add_memtable(*view_->memtable());
  for (const auto& memtable : view_->frozen()) add_memtable(*memtable);
  if (!view_->has_table_ranges()) return;
  for (const View::Tables& tables : levels) {
    for (const auto& table : tables) {
      if (!table->range_tombstones().empty()) ranges_.push_back(table->shared_range_tombstones());
    }
  }
}

void ScanSources::AddRun(View::Tables tables, const ScanOptions& options,
                         std::vector<std::unique_ptr<Cursor>>* children) const {
  if (tables.empty()) return;
  Sequence sequence_last = 0;
  for (const auto& table : tables) {
    sequence_last = std::max(sequence_last, table->properties().sequence_last);
  }
  TableReader::CursorOptions cursor_options;
  cursor_options.reverse = options.reverse;
  cursor_options.fill_cache = options.fill_cache;
  cursor_options.readahead_bytes = kReadaheadBytes;
  std::unique_ptr<Cursor> run = tables.size() == 1
                                    ? tables.front()->NewCursor(cursor_options)
                                    : NewLevelCursor(std::move(tables), cursor_options);
  if (!ranges_.empty()) {
    run = NewLeapingCursor(std::move(run), &ranges_, options.sequence, sequence_last,
                           options.reverse);
  }
  children->push_back(std::move(run));
}

}  // namespace varve
