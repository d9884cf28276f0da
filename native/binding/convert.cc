#include "binding/convert.h"

#include <cstring>

namespace varve::binding {

namespace {

// Below this a copy is cheaper than a finalizer.
constexpr size_t kHandOverBytesMin = 64 << 10;

}  // namespace

napi_value MakeText(napi_env env, Slice text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value MakeBuffer(napi_env env, Slice bytes) {
  napi_value value = nullptr;
  void* data = nullptr;
  if (napi_create_buffer(env, bytes.size(), &data, &value) != napi_ok) return nullptr;
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  return value;
}

napi_value MakeBuffer(napi_env env, std::unique_ptr<char[]> bytes, size_t size) {
  if (size >= kHandOverBytesMin) {
    const auto free_bytes = [](napi_env, void* data, void*) {
      std::unique_ptr<char[]> owned(static_cast<char*>(data));
    };
    napi_value value = nullptr;
    if (napi_create_external_buffer(env, size, bytes.get(), free_bytes, nullptr, &value) ==
        napi_ok) {
      bytes.release();
      return value;
    }
  }
  return MakeBuffer(env, Slice(bytes.get(), size));
}

napi_value MakeUint32Array(napi_env env, const uint32_t* data, size_t length) {
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  void* to = nullptr;
  if (napi_create_arraybuffer(env, length * 4, &to, &buffer) != napi_ok) return nullptr;
  if (length != 0) std::memcpy(to, data, length * 4);
  napi_create_typedarray(env, napi_uint32_array, length, buffer, 0, &array);
  return array;
}

napi_value MakeTextArray(napi_env env, const std::vector<std::string>& texts) {
  napi_value array = nullptr;
  if (napi_create_array_with_length(env, texts.size(), &array) != napi_ok) return nullptr;
  for (size_t i = 0; i < texts.size(); ++i) {
    napi_value text = MakeText(env, texts[i]);
    if (!text || napi_set_element(env, array, static_cast<uint32_t>(i), text) != napi_ok) {
      return nullptr;
    }
  }
  return array;
}

ObjectBuilder::ObjectBuilder(napi_env env) : env_(env) {
  ok_ = napi_create_object(env, &object_) == napi_ok;
}

void ObjectBuilder::Set(const char* name, napi_value value) {
  ok_ = ok_ && value && napi_set_named_property(env_, object_, name, value) == napi_ok;
}

void ObjectBuilder::Boolean(const char* name, bool boolean) {
  napi_value value = nullptr;
  napi_get_boolean(env_, boolean, &value);
  Set(name, value);
}

void ObjectBuilder::Null(const char* name) {
  napi_value value = nullptr;
  napi_get_null(env_, &value);
  Set(name, value);
}

napi_value MakeProperties(napi_env env, const TableProperties& properties) {
  ObjectBuilder object(env);
  object.Number("entries", properties.entries);
  object.Number("tombstones", properties.tombstones);
  object.Number("rangeTombstones", properties.range_tombstones);
  object.Number("expiring", properties.expiring);
  object.Number("expiresFirstMs", properties.expires_first_ms);
  object.Number("expiresLastMs", properties.expires_last_ms);
  object.Number("sequenceFirst", properties.sequence_first);
  object.Number("sequenceLast", properties.sequence_last);
  object.Number("snapshotSequenceLast", properties.snapshot_sequence_last);
  object.Number("keyBytes", properties.key_bytes);
  object.Number("valueBytes", properties.value_bytes);
  object.Number("dataBytes", properties.data_bytes);
  object.Number("indexBytes", properties.index_bytes);
  object.Number("filterBytes", properties.filter_bytes);
  object.Number("fileBytes", properties.file_bytes);
  object.Number("blocks", properties.blocks);
  object.Bytes("keyFirst", properties.key_first);
  object.Bytes("keyLast", properties.key_last);
  object.Boolean("boundIsRangeEnd", properties.bound_is_range_end != 0);
  return object.value();
}

}  // namespace varve::binding
