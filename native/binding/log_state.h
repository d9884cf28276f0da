// LogState of index.d.cts, to and from C++.
#pragma once

#include "binding/convert.h"
#include "binding/object_reader.h"
#include "core/engine.h"
#include "core/wal.h"

namespace varve::binding {

// index, term, sequence, timeMs.
LogPosition ReadPosition(ObjectReader* state);
void AddLogState(ObjectBuilder* state, const LogPosition& position, const HardState& hard_state,
                 uint64_t synced_index);

// The engine's log, borrowed; nullptr after throwing when it has none.
Wal* RequireWal(napi_env env, const Engine* engine);

}  // namespace varve::binding
