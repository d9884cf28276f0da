// From C++ to JavaScript values. nullptr: a JavaScript exception is pending.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/format.h"
#include "core/table_format.h"

namespace varve::binding {

inline constexpr int kContract = 1;  // of index.d.cts

inline napi_value MakeNumber(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}
inline napi_value MakeNumber(napi_env env, uint64_t number) {
  return MakeNumber(env, static_cast<double>(number));
}
inline napi_value MakeInteger(napi_env env, int32_t number) {
  napi_value value = nullptr;
  napi_create_int32(env, number, &value);
  return value;
}
inline napi_value MakeNumber(napi_env env, uint32_t number) {
  napi_value value = nullptr;
  napi_create_uint32(env, number, &value);
  return value;
}

napi_value MakeText(napi_env env, Slice text);
napi_value MakeBuffer(napi_env env, Slice bytes);
// Large ones are handed over as they are, where Node.js allows that.
napi_value MakeBuffer(napi_env env, std::unique_ptr<char[]> bytes, size_t size);
napi_value MakeUint32Array(napi_env env, const uint32_t* data, size_t length);
napi_value MakeTextArray(napi_env env, const std::vector<std::string>& texts);

// A plain object under construction; errors stick, and value() is then nullptr.
class ObjectBuilder {
 public:
  explicit ObjectBuilder(napi_env env);
  void Number(const char* name, double number) { Set(name, MakeNumber(env_, number)); }
  void Number(const char* name, uint64_t number) { Set(name, MakeNumber(env_, number)); }
  void Number(const char* name, int number) { Set(name, MakeInteger(env_, number)); }
  void Boolean(const char* name, bool boolean);
  void Text(const char* name, Slice text) { Set(name, MakeText(env_, text)); }
  void Bytes(const char* name, Slice bytes) { Set(name, MakeBuffer(env_, bytes)); }
  void Null(const char* name);
  void Set(const char* name, napi_value value);
  napi_value value() const { return ok_ ? object_ : nullptr; }

 private:
  const napi_env env_;
  napi_value object_ = nullptr;
  bool ok_ = false;
};

napi_value MakeProperties(napi_env env, const TableProperties& properties);

}  // namespace varve::binding
