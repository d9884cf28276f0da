#include "binding/keys.h"

#include <cstring>
#include <vector>

#include "binding/error.h"
#include "binding/values.h"
#include "core/coding.h"
#include "core/hash.h"

namespace varve::binding {

namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

bool ThrowTooLong(napi_env env) {
  Throw(env, Status(Code::kTooLarge, "a key is longer than 65535 bytes"));
  return false;
}

bool HasLoneSurrogate(const std::vector<char16_t>& text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {  // the last one is the terminating zero
    if ((text[i] & 0xf800) != 0xd800) continue;
    const bool is_pair = (text[i] & 0xfc00) == 0xd800 && (text[i + 1] & 0xfc00) == 0xdc00;
    if (!is_pair) return true;
    i += 1;
  }
  return false;
}

// V8 writes a lone surrogate as U+FFFD; a text that holds that is looked at again.
bool CheckWellFormed(napi_env env, napi_value value, Slice text) {
  if (!std::memchr(text.data(), kReplacement[0], text.size())) return true;
  if (text.find(Slice(kReplacement, 3)) == Slice::npos) return true;
  size_t units = 0;
  napi_get_value_string_utf16(env, value, nullptr, 0, &units);
  std::vector<char16_t> utf16(units + 1);
  napi_get_value_string_utf16(env, value, utf16.data(), utf16.size(), &units);
  if (!HasLoneSurrogate(utf16)) return true;
  ThrowInvalid(env, "key", "must not hold a lone surrogate");
  return false;
}

}  // namespace

bool KeyArgument::Read(napi_env env, napi_value value, uint64_t space) {
  const size_t prefix = static_cast<size_t>(EncodeVarint64(inline_, space) - inline_);
  const size_t room = kInlineBytes - prefix;
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, inline_ + prefix, room, &size) != napi_ok) {
    return ReadBytes(env, value, prefix);
  }
  // Cut short, it ends with the room, or up to three bytes before: a character is not split.
  if (size + 4 >= room) return ReadLongText(env, value, prefix);
  stored_ = Slice(inline_, prefix + size);
  return CheckWellFormed(env, value, Slice(inline_ + prefix, size));
}

bool KeyArgument::ReadLongText(napi_env env, napi_value value, size_t prefix) {
  size_t size = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &size);
  if (size > kUserKeyBytesMax) return ThrowTooLong(env);
  heap_ = std::make_unique<char[]>(prefix + size + 1);
  std::memcpy(heap_.get(), inline_, prefix);
  napi_get_value_string_utf8(env, value, heap_.get() + prefix, size + 1, &size);
  stored_ = Slice(heap_.get(), prefix + size);
  return CheckWellFormed(env, value, Slice(heap_.get() + prefix, size));
}

bool KeyArgument::ReadBytes(napi_env env, napi_value value, size_t prefix) {
  napi_typedarray_type type = napi_int8_array;
  size_t size = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &size, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowInvalid(env, "key", "must be a string or a Uint8Array");
    return false;
  }
  if (size == 0 && !ThrowIfDetached(env, value, "key")) return false;
  if (size > kUserKeyBytesMax) return ThrowTooLong(env);
  char* to = inline_;
  if (prefix + size > kInlineBytes) {
    heap_ = std::make_unique<char[]>(prefix + size);
    to = heap_.get();
    std::memcpy(to, inline_, prefix);
  }
  if (size != 0) std::memcpy(to + prefix, data, size);
  stored_ = Slice(to, prefix + size);
  return true;
}

LookupKey KeyArgument::Lookup(Sequence sequence) const {
  LookupKey key;
  key.key = stored_;
  key.hash = Hash64(stored_);
  key.sequence = sequence;
  return key;
}

std::string SpacePrefix(uint64_t space) {
  std::string prefix;
  PutVarint64(&prefix, space);
  return prefix;
}

std::string SpaceEnd(uint64_t space) {
  // The last byte of a varint is below 128, so it can be counted up.
  std::string end = SpacePrefix(space);
  end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

}  // namespace varve::binding
