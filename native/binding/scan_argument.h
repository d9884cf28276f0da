// The scan of argument 0, when no job has it.
#pragma once

#include "binding/arguments.h"

namespace varve::binding {

// Borrowed; nullptr after throwing.
template <size_t kCount>
ScanHandle* ScanArgument(napi_env env, Arguments<kCount>* arguments) {
  ScanHandle* scan = arguments->template Handle<ScanHandle>(0, "scan");
  if (!scan || !scan->busy) return scan;
  ThrowInvalid(env, "scan", "must not be used before its job is over");
  return nullptr;
}

}  // namespace varve::binding
