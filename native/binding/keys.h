// KeyArgument: a user's key (a string, or bytes) with its space's id before it: the stored key.
//
// Short keys live in the object itself: a lookup allocates nothing.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "core/format.h"

namespace varve::binding {

inline constexpr size_t kUserKeyBytesMax = 65535;
inline constexpr size_t kSpaceBytesMax = 8;  // varint of a safe integer
inline constexpr uint64_t kSpaceMax = (uint64_t{1} << 53) - 1;

class KeyArgument {
 public:
  KeyArgument() = default;
  KeyArgument(const KeyArgument&) = delete;
  KeyArgument& operator=(const KeyArgument&) = delete;

  // False after throwing: no string and no Uint8Array, a lone surrogate, too long.
  bool Read(napi_env env, napi_value value, uint64_t space);
  Slice stored() const { return stored_; }
  LookupKey Lookup(Sequence sequence) const;

 private:
  // Whatever has room for three bytes a character V8 writes without measuring first.
  static constexpr size_t kInlineBytes = 512;

  bool ReadLongText(napi_env env, napi_value value, size_t prefix);
  bool ReadBytes(napi_env env, napi_value value, size_t prefix);

  Slice stored_;
  std::unique_ptr<char[]> heap_;
  char inline_[kInlineBytes];
};

// Keys of a space begin with `prefix`, and are below `end`.
std::string SpacePrefix(uint64_t space);
std::string SpaceEnd(uint64_t space);

}  // namespace varve::binding
