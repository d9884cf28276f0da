#include "binding/error.h"

#include <string_view>

namespace varve::binding {

namespace {

napi_value MakeText(napi_env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

void SetNumber(napi_env env, napi_value object, const char* name, double number) {
  napi_value value = nullptr;
  if (napi_create_double(env, number, &value) != napi_ok) return;
  napi_set_named_property(env, object, name, value);
}

}  // namespace

napi_value MakeError(napi_env env, const Status& status) {
  const std::string_view message =
      status.message().empty() ? CodeName(status.code()) : std::string_view(status.message());
  napi_value code = MakeText(env, CodeName(status.code()));
  napi_value text = MakeText(env, message);
  napi_value error = nullptr;
  if (!code || !text || napi_create_error(env, code, text, &error) != napi_ok) return nullptr;
  if (!status.file().empty()) {
    if (napi_value file = MakeText(env, status.file())) {
      napi_set_named_property(env, error, "file", file);
    }
  }
  if (status.has_offset()) SetNumber(env, error, "offset", static_cast<double>(status.offset()));
  if (status.os_error() != 0) SetNumber(env, error, "errno", status.os_error());
  return error;
}

napi_value Throw(napi_env env, const Status& status) {
  if (napi_value error = MakeError(env, status)) napi_throw(env, error);
  return nullptr;
}

napi_value ThrowInvalid(napi_env env, const char* what, const char* rule) {
  return Throw(env, Status::InvalidArgument(std::string(what) + " " + rule));
}

}  // namespace varve::binding
