// Arguments: what a binding function was called with.
//
// The first argument that is not what it must be throws; failed() tells, and from then on
// everything reads as zero or empty. So a function reads all its arguments, then asks failed()
// once.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "binding/environment.h"
#include "binding/values.h"

namespace varve::binding {

template <size_t kCount>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kCount;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, values_, nullptr, &data);
    environment_ = static_cast<Environment*>(data);
  }

  bool failed() const { return failed_; }
  Environment& environment() const { return *environment_; }
  const napi_value& operator[](size_t index) const { return values_[index]; }

  double Number(size_t index, const char* what) {
    double number = 0;
    return Keep(failed_ || ToNumber(env_, values_[index], what, &number)) ? number : 0;
  }
  uint64_t Integer(size_t index, const char* what, uint64_t max = kIntegerMax) {
    uint64_t integer = 0;
    return Keep(failed_ || ToInteger(env_, values_[index], what, max, &integer)) ? integer : 0;
  }
  bool Boolean(size_t index, const char* what) {
    bool boolean = false;
    return Keep(failed_ || ToBoolean(env_, values_[index], what, &boolean)) && boolean;
  }
  std::string Text(size_t index, const char* what) {
    std::string text;
    Keep(failed_ || ToText(env_, values_[index], what, &text));
    return text;
  }
  // Borrowed: good until JavaScript runs again.
  Slice Bytes(size_t index, const char* what) {
    char* data = nullptr;
    size_t size = 0;
    Keep(failed_ || ToBytes(env_, values_[index], what, &data, &size));
    return failed_ ? Slice() : Slice(data, size);
  }
  char* Bytes(size_t index, const char* what, size_t* size) {
    char* data = nullptr;
    Keep(failed_ || ToBytes(env_, values_[index], what, &data, size));
    if (failed_) *size = 0;
    return data;
  }
  FileId Id(size_t index, const char* what) {
    FileId id{};
    Keep(failed_ || ToFileId(env_, values_[index], what, &id));
    return id;
  }
  uint32_t* Uint32Array(size_t index, const char* what, size_t* length) {
    uint32_t* data = nullptr;
    Keep(failed_ || ToUint32Array(env_, values_[index], what, &data, length));
    return data;
  }
  int32_t* Int32Array(size_t index, const char* what, size_t* length) {
    int32_t* data = nullptr;
    Keep(failed_ || ToInt32Array(env_, values_[index], what, &data, length));
    return data;
  }
  // A Float64Array of at least `length` elements.
  double* Facts(size_t index, size_t length) {
    double* data = nullptr;
    size_t found = 0;
    if (!Keep(failed_ || ToFloat64Array(env_, values_[index], "facts", &data, &found))) return data;
    if (Keep(found >= length)) return data;
    ThrowInvalid(env_, "facts", ("must have " + std::to_string(length) + " elements").c_str());
    return nullptr;
  }

  // The object of a handle, borrowed: for calls that are over before anything can release it.
  template <class T>
  T* Handle(size_t index, const char* what) {
    const std::shared_ptr<void>* found = Find<T>(index, what);
    return found ? static_cast<T*>(found->get()) : nullptr;
  }
  template <class T>
  std::shared_ptr<T> Share(size_t index, const char* what) {
    const std::shared_ptr<void>* found = Find<T>(index, what);
    return found ? std::static_pointer_cast<T>(*found) : nullptr;
  }

  bool IsUndefined(size_t index) const {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env_, values_[index], &type) == napi_ok && type == napi_undefined;
  }
  bool IsNull(size_t index) const {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env_, values_[index], &type) == napi_ok && type == napi_null;
  }

 private:
  bool Keep(bool ok) {
    failed_ = failed_ || !ok;
    return !failed_;
  }
  template <class T>
  const std::shared_ptr<void>* Find(size_t index, const char* what) {
    if (failed_) return nullptr;
    double handle = 0;
    if (napi_get_value_double(env_, values_[index], &handle) == napi_ok) {
      if (const auto* found = environment_->handles().template Find<T>(handle)) return found;
    }
    failed_ = true;
    ThrowInvalid(env_, what, HandleTraits<T>::kRule);
    return nullptr;
  }

  const napi_env env_;
  Environment* environment_ = nullptr;
  bool failed_ = false;
  napi_value values_[kCount];
};

}  // namespace varve::binding
