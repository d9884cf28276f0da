#include "binding/values.h"

#include <cstring>

namespace varve::binding {

namespace {

constexpr uint32_t kElementsMax = 1 << 20;

bool ToTypedArray(napi_env env, napi_value value, const char* what, const char* rule,
                  napi_typedarray_type type, void** data, size_t* length) {
  napi_typedarray_type found = napi_int8_array;
  if (napi_get_typedarray_info(env, value, &found, length, data, nullptr, nullptr) != napi_ok ||
      found != type) {
    ThrowInvalid(env, what, rule);
    return false;
  }
  return *length != 0 || ThrowIfDetached(env, value, what);
}

}  // namespace

bool ThrowRange(napi_env env, const char* what, uint64_t max) {
  ThrowInvalid(env, what, ("must be an integer from 0 to " + std::to_string(max)).c_str());
  return false;
}

bool ToBoolean(napi_env env, napi_value value, const char* what, bool* boolean) {
  if (napi_get_value_bool(env, value, boolean) == napi_ok) return true;
  ThrowInvalid(env, what, "must be a boolean");
  return false;
}

bool ThrowIfDetached(napi_env env, napi_value value, const char* what) {
  napi_value buffer = nullptr;
  bool detached = false;
  if (napi_get_typedarray_info(env, value, nullptr, nullptr, nullptr, &buffer, nullptr) ==
      napi_ok) {
    napi_is_detached_arraybuffer(env, buffer, &detached);
  }
  if (detached) ThrowInvalid(env, what, "must not be detached");
  return !detached;
}

bool ToUint32Array(napi_env env, napi_value value, const char* what, uint32_t** data,
                   size_t* length) {
  void* start = nullptr;
  if (!ToTypedArray(env, value, what, "must be a Uint32Array", napi_uint32_array, &start, length)) {
    return false;
  }
  *data = static_cast<uint32_t*>(start);
  return true;
}

bool ToInt32Array(napi_env env, napi_value value, const char* what, int32_t** data,
                  size_t* length) {
  void* start = nullptr;
  if (!ToTypedArray(env, value, what, "must be an Int32Array", napi_int32_array, &start, length)) {
    return false;
  }
  *data = static_cast<int32_t*>(start);
  return true;
}

bool ToFloat64Array(napi_env env, napi_value value, const char* what, double** data,
                    size_t* length) {
  void* start = nullptr;
  if (!ToTypedArray(env, value, what, "must be a Float64Array", napi_float64_array, &start,
                    length)) {
    return false;
  }
  *data = static_cast<double*>(start);
  return true;
}

bool ToText(napi_env env, napi_value value, const char* what, std::string* text) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) {
    ThrowInvalid(env, what, "must be a string");
    return false;
  }
  text->resize(size);
  // The terminating zero goes where std::string keeps its own.
  napi_get_value_string_utf8(env, value, text->data(), size + 1, &size);
  if (text->find('\0') == std::string::npos) return true;
  ThrowInvalid(env, what, "must not hold a zero character");
  return false;
}

bool ToByteString(napi_env env, napi_value value, const char* what, std::string* bytes) {
  char* data = nullptr;
  size_t size = 0;
  if (!ToBytes(env, value, what, &data, &size)) return false;
  bytes->assign(data, size);
  return true;
}

bool ToFileId(napi_env env, napi_value value, const char* what, FileId* id) {
  char* data = nullptr;
  size_t size = 0;
  if (!ToBytes(env, value, what, &data, &size)) return false;
  if (size != id->size()) {
    ThrowInvalid(env, what, "must be 16 bytes");
    return false;
  }
  std::memcpy(id->data(), data, size);
  return true;
}

bool ToElements(napi_env env, napi_value value, const char* what,
                std::vector<napi_value>* elements) {
  bool is_array = false;
  uint32_t length = 0;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, value, &length) != napi_ok || length > kElementsMax) {
    ThrowInvalid(env, what, "must be an array of at most a million elements");
    return false;
  }
  elements->resize(length);
  for (uint32_t i = 0; i < length; ++i) {
    if (napi_get_element(env, value, i, &(*elements)[i]) != napi_ok) return false;
  }
  return true;
}

}  // namespace varve::binding
