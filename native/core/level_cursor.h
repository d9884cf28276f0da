// LevelCursor: one run of disjoint tables in key order as one cursor. A table's own cursor is
// made when the walk reaches it, and one at a time exists.
#pragma once

#include <memory>
#include <vector>

#include "core/table_reader.h"

namespace varve {

// Whether no key at or after `key` lies in the table.
inline bool EndsBefore(const TableProperties& table, Slice key) {
  const int order = Slice(table.key_last).compare(key);
  return order < 0 || (order == 0 && table.bound_is_range_end != 0);
}

std::unique_ptr<Cursor> NewLevelCursor(std::vector<std::shared_ptr<TableReader>> tables,
                                       const TableReader::CursorOptions& options);

}  // namespace varve
