// Places: where keys and values stand in bytes that JavaScript holds, as pairs of offset and
// length.
#pragma once

#include <napi.h>

#include "binding/arguments.h"
#include "binding/keys.h"
#include "core/format.h"

namespace varve::binding {

class Places {
 public:
  // Of the arguments [first, first + 4): source, places, from, count. Each item has `pairs` of
  // them; the first is a key. False after throwing: a place reaches beyond the source, or a key
  // is too long.
  template <size_t kCount>
  bool Read(napi_env env, Arguments<kCount>* arguments, size_t first, size_t pairs) {
    source_ = arguments->Bytes(first, "source");
    size_t length = 0;
    places_ = arguments->Uint32Array(first + 1, "places", &length);
    from_ = arguments->Integer(first + 2, "from");
    count_ = arguments->Integer(first + 3, "count");
    pairs_ = pairs;
    if (arguments->failed()) return false;
    if (count_ > length / (2 * pairs) || from_ > count_) {
      ThrowInvalid(env, "count", "must not be beyond places, nor from beyond it");
      return false;
    }
    for (size_t item = from_; item < count_; ++item) {
      if (Fits(item)) continue;
      ThrowInvalid(env, "places", "must be within the source, and keys not longer than 65535");
      return false;
    }
    return true;
  }

  size_t from() const { return from_; }
  size_t count() const { return count_; }
  Slice At(size_t item, size_t pair) const {
    const uint32_t* place = places_ + 2 * (item * pairs_ + pair);
    return source_.substr(place[0], place[1]);
  }

 private:
  bool Fits(size_t item) const {
    for (size_t pair = 0; pair < pairs_; ++pair) {
      const uint32_t* place = places_ + 2 * (item * pairs_ + pair);
      if (place[0] > source_.size() || place[1] > source_.size() - place[0]) return false;
    }
    return places_[2 * item * pairs_ + 1] <= kUserKeyBytesMax;
  }

  Slice source_;
  const uint32_t* places_ = nullptr;
  size_t from_ = 0, count_ = 0, pairs_ = 1;
};

}  // namespace varve::binding
