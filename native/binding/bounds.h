// The bounds of a range, as arguments: user keys, start inclusive, end exclusive, null for the
// space's own.
#pragma once

#include <string>

#include "binding/arguments.h"
#include "binding/keys.h"
#include "core/scan.h"

namespace varve::binding {

// Arguments [first, first + 2), in stored form.
template <size_t kCount>
void ReadBounds(Arguments<kCount>* arguments, size_t first, uint64_t space, ScanOptions* options) {
  options->start = SpacePrefix(space);
  options->end = arguments->IsNull(first + 1) ? SpaceEnd(space) : options->start;
  if (!arguments->IsNull(first)) options->start.append(arguments->Bytes(first, "start"));
  if (!arguments->IsNull(first + 1)) options->end.append(arguments->Bytes(first + 1, "end"));
}

}  // namespace varve::binding
