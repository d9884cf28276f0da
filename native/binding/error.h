// Errors as JavaScript sees them: an Error with `code`, and `file`, `offset` and `errno` where
// known.
#pragma once

#include <napi.h>

#include <string>

#include "core/status.h"

namespace varve::binding {

// REQUIRES: !status.ok(). nullptr when the environment is being torn down.
napi_value MakeError(napi_env env, const Status& status);

// Makes the error pending, so that it is thrown when the binding function returns. Always nullptr.
napi_value Throw(napi_env env, const Status& status);
// "INVALID_ARGUMENT: <what> <rule>", as in "bytesMax must be a number".
napi_value ThrowInvalid(napi_env env, const char* what, const char* rule);

}  // namespace varve::binding
