// From JavaScript values to C++: each function checks, converts, and throws INVALID_ARGUMENT (and
// returns false) when the value is not what it must be. `what` names it in the message.
//
// Bytes and typed arrays are borrowed: they are good until JavaScript runs again.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "binding/error.h"
#include "core/format.h"

namespace varve::binding {

inline constexpr uint64_t kIntegerMax = (uint64_t{1} << 53) - 1;  // JavaScript's safe integers

bool ThrowRange(napi_env env, const char* what, uint64_t max);

inline bool ToNumber(napi_env env, napi_value value, const char* what, double* number) {
  if (napi_get_value_double(env, value, number) == napi_ok) return true;
  ThrowInvalid(env, what, "must be a number");
  return false;
}

// An integer from 0 to `max`.
inline bool ToInteger(napi_env env, napi_value value, const char* what, uint64_t max,
                      uint64_t* integer) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0 &&
      number <= static_cast<double>(max)) {
    *integer = static_cast<uint64_t>(number);
    if (static_cast<double>(*integer) == number) return true;
  }
  return ThrowRange(env, what, max);
}

bool ToBoolean(napi_env env, napi_value value, const char* what, bool* boolean);

bool ThrowIfDetached(napi_env env, napi_value value, const char* what);

// Any Uint8Array, Buffers included.
inline bool ToBytes(napi_env env, napi_value value, const char* what, char** data, size_t* size) {
  napi_typedarray_type type = napi_int8_array;
  void* start = nullptr;
  if (napi_get_typedarray_info(env, value, &type, size, &start, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowInvalid(env, what, "must be a Uint8Array");
    return false;
  }
  *data = static_cast<char*>(start);
  return *size != 0 || ThrowIfDetached(env, value, what);
}
bool ToUint32Array(napi_env env, napi_value value, const char* what, uint32_t** data,
                   size_t* length);
bool ToInt32Array(napi_env env, napi_value value, const char* what, int32_t** data, size_t* length);
bool ToFloat64Array(napi_env env, napi_value value, const char* what, double** data,
                    size_t* length);

// A path or other text, as utf8; without zero bytes.
bool ToText(napi_env env, napi_value value, const char* what, std::string* text);
bool ToByteString(napi_env env, napi_value value, const char* what, std::string* bytes);
bool ToFileId(napi_env env, napi_value value, const char* what, FileId* id);
bool ToElements(napi_env env, napi_value value, const char* what,
                std::vector<napi_value>* elements);

}  // namespace varve::binding
