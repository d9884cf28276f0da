// Hash64: the one hash of keys, persisted in filters and block hash indexes, so
// its results are part of the table format and never change (golden test).
//
// A multiply-fold hash over 8-byte words (128-bit product, high xor low): two
// multiplications for a 16-byte key, good avalanche, no tables.
#pragma once

#include <cstdint>

#include "core/status.h"

namespace varve {

uint64_t Hash64(Slice bytes);

}  // namespace varve
