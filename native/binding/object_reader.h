// ObjectReader: the properties of a request object, read as Arguments reads arguments.
//
// Reading a property may run JavaScript (a getter), so everything is copied at once.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "binding/environment.h"
#include "binding/values.h"

namespace varve::binding {

class ObjectReader {
 public:
  ObjectReader(Environment* environment, napi_value object, const char* what);

  bool failed() const { return failed_; }
  napi_env env() const { return environment_->env(); }
  Environment* environment() const { return environment_; }

  // Absent: undefined or null, or no such property.
  bool Has(const char* name);
  double Number(const char* name);
  uint64_t Integer(const char* name, uint64_t max = kIntegerMax);
  bool Boolean(const char* name);
  std::string Text(const char* name);
  std::string Bytes(const char* name);
  FileId Id(const char* name);
  std::vector<napi_value> Elements(const char* name);
  napi_value Get(const char* name);  // nullptr when failed
  // The object of a handle.
  template <class T>
  std::shared_ptr<T> Share(const char* name) {
    return ShareValue<T>(Get(name), name);
  }
  template <class T>
  std::shared_ptr<T> ShareValue(napi_value value, const char* what) {
    double handle = 0;
    if (failed_) return nullptr;
    if (napi_get_value_double(env(), value, &handle) == napi_ok) {
      if (const auto* found = environment_->handles().Find<T>(handle)) {
        return std::static_pointer_cast<T>(*found);
      }
    }
    failed_ = true;
    ThrowInvalid(env(), what, HandleTraits<T>::kRule);
    return nullptr;
  }
  void Fail() { failed_ = true; }

 private:
  Environment* const environment_;
  const napi_value object_;
  bool failed_ = false;
};

}  // namespace varve::binding
