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
  AddMemtable(*view_->memtable(), options);
  for (const auto& memtable : view_->frozen()) AddMemtable(*memtable, options);
  for (size_t level = 0; level < view_->levels().size(); ++level) {
    View::Tables tables = Between(view_->levels()[level], level > 0, options);
    if (level > 0) {
      AddTables(std::move(tables), options);
    } else {
      for (auto& table : tables) AddTables({std::move(table)}, options);
    }
  }
  std::vector<Covering::Part> all;
  for (size_t i = 0; i < run_ends_.size(); ++i) all.push_back({RunAt(i), 0});
  covering_.emplace(std::move(all), options.sequence);
  std::vector<std::unique_ptr<Cursor>> children;
  for (size_t i = 0; i < sources_.size(); ++i) {
    std::unique_ptr<Cursor>& child = children.emplace_back(std::move(sources_[i].cursor));
    std::vector<Covering::Part> parts = PartsOver(i);
    if (parts.empty()) continue;
    Covering covering(std::move(parts), options.sequence);
    child = NewLeapingCursor(std::move(child), std::move(covering), options.reverse);
  }
  sources_.clear();
  cursor_ = NewMergingCursor(std::move(children), options.reverse);
}

void ScanSources::Reset(std::shared_ptr<const View> view) {
  cursor_.reset();
  covering_.reset();
  lists_.clear();
  run_ends_.clear();
  view_ = std::move(view);
}

// What may cover entries of the source: all tombstones of those before it, and its own where they
// are newer than any entry it has.
std::vector<Covering::Part> ScanSources::PartsOver(size_t source) const {
  const size_t own = source == 0 ? 0 : sources_[source - 1].runs_end;
  const Sequence floor = sources_[source].sequence_last;
  std::vector<Covering::Part> parts;
  for (size_t i = 0; i < own; ++i) parts.push_back({RunAt(i), 0});
  for (size_t i = own; i < sources_[source].runs_end; ++i) {
    const RangeRun run = RunAt(i);
    const bool above = std::any_of(run.begin(), run.end(), [floor](const auto* list) {
      return list->sequence_last() > floor;
    });
    if (above) parts.push_back({run, floor});
  }
  return parts;
}

RangeRun ScanSources::RunAt(size_t run) const {
  const size_t start = run == 0 ? 0 : run_ends_[run - 1];
  return RangeRun(lists_.data() + start, lists_.data() + run_ends_[run]);
}

void ScanSources::AddMemtable(const Memtable& memtable, const ScanOptions& options) {
  // Entries added from here on are newer than what the scan may see, whatever covers them.
  const Sequence sequence_last = memtable.sequence_last();
  // Its lists overlap: each is a run by itself.
  const size_t before = lists_.size();
  memtable.ranges().CollectLists(options.sequence, &lists_);
  for (size_t end = before + 1; end <= lists_.size(); ++end) run_ends_.push_back(end);
  sources_.push_back({memtable.NewCursor(), sequence_last, run_ends_.size()});
}

void ScanSources::AddTables(View::Tables tables, const ScanOptions& options) {
  if (tables.empty()) return;
  Source source;
  const size_t before = lists_.size();
  for (const auto& table : tables) {
    source.sequence_last = std::max(source.sequence_last, table->properties().sequence_last);
    if (!table->range_tombstones().empty()) lists_.push_back(&table->range_tombstones());
  }
  if (lists_.size() > before) run_ends_.push_back(lists_.size());
  source.runs_end = run_ends_.size();
  TableReader::CursorOptions cursor_options;
  cursor_options.reverse = options.reverse;
  cursor_options.fill_cache = options.fill_cache;
  cursor_options.readahead_bytes = kReadaheadBytes;
  source.cursor = tables.size() == 1 ? tables.front()->NewCursor(cursor_options)
                                     : NewLevelCursor(std::move(tables), cursor_options);
  sources_.push_back(std::move(source));
}

}  // namespace varve
