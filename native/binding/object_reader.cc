#include "binding/object_reader.h"

namespace varve::binding {

ObjectReader::ObjectReader(Environment* environment, napi_value object, const char* what)
    : environment_(environment), object_(object) {
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env(), object, &type) == napi_ok && type == napi_object) return;
  failed_ = true;
  ThrowInvalid(env(), what, "must be an object");
}

napi_value ObjectReader::Get(const char* name) {
  if (failed_) return nullptr;
  napi_value value = nullptr;
  if (napi_get_named_property(env(), object_, name, &value) == napi_ok) return value;
  failed_ = true;  // a getter threw
  return nullptr;
}

bool ObjectReader::Has(const char* name) {
  const napi_value value = Get(name);
  napi_valuetype type = napi_undefined;
  return value && napi_typeof(env(), value, &type) == napi_ok && type != napi_undefined &&
         type != napi_null;
}

double ObjectReader::Number(const char* name) {
  double number = 0;
  const napi_value value = Get(name);
  if (value && !ToNumber(env(), value, name, &number)) failed_ = true;
  return number;
}

uint64_t ObjectReader::Integer(const char* name, uint64_t max) {
  uint64_t integer = 0;
  const napi_value value = Get(name);
  if (value && !ToInteger(env(), value, name, max, &integer)) failed_ = true;
  return integer;
}

bool ObjectReader::Boolean(const char* name) {
  bool boolean = false;
  const napi_value value = Get(name);
  if (value && !ToBoolean(env(), value, name, &boolean)) failed_ = true;
  return boolean;
}

std::string ObjectReader::Text(const char* name) {
  std::string text;
  const napi_value value = Get(name);
  if (value && !ToText(env(), value, name, &text)) failed_ = true;
  return text;
}

std::string ObjectReader::Bytes(const char* name) {
  std::string bytes;
  const napi_value value = Get(name);
  if (value && !ToByteString(env(), value, name, &bytes)) failed_ = true;
  return bytes;
}

FileId ObjectReader::Id(const char* name) {
  FileId id{};
  const napi_value value = Get(name);
  if (value && !ToFileId(env(), value, name, &id)) failed_ = true;
  return id;
}

std::vector<napi_value> ObjectReader::Elements(const char* name) {
  std::vector<napi_value> elements;
  const napi_value value = Get(name);
  if (value && !ToElements(env(), value, name, &elements)) failed_ = true;
  return elements;
}

}  // namespace varve::binding
