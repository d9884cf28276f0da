// The identity of a segment, from JavaScript.
#pragma once

#include "binding/values.h"
#include "core/coding.h"
#include "core/wal.h"

namespace varve::binding {

// 8 bytes, not all zero.
bool ToLife(napi_env env, napi_value value, const char* what, uint64_t* life);

}  // namespace varve::binding
