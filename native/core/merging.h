// MergingCursor: many sorted sources as one. Children are in priority order only for
// reading convenience: entries differ in trailer, so the order is total.
// A child that fails makes the whole cursor fail with its status.
#pragma once

#include <memory>
#include <vector>

#include "core/cursor.h"

namespace varve {

// Forward or reverse, as the children were made. One child is returned as it is;
// none gives an empty cursor.
std::unique_ptr<Cursor> NewMergingCursor(std::vector<std::unique_ptr<Cursor>> children,
                                         bool reverse);

}  // namespace varve
