// LookupScratch: memory that reads of many keys use again from call to call.
#pragma once

#include <napi.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "core/format.h"
#include "core/hash.h"
#include "core/lookup.h"

namespace varve::binding {

struct LookupScratch {
  static constexpr size_t kKeys = 256;  // looked up together

  // Ends a call: blocks are let go, and memory that an unusual one needed.
  void Recycle() {
    for (LookupResult& result : results) result.pin.Release();
    if (bytes.capacity() > kBytesMax) std::vector<char>().swap(bytes);
  }

  // Lookup `i` is of this key: lays its stored form down at `to`, which has room for it; one past
  // it. `bytes` must not grow before the lookup.
  char* LayKey(size_t i, char* to, Slice prefix, Slice user, Sequence sequence) {
    LookupKey& key = keys[i];
    key.key = Slice(to, prefix.size() + user.size());
    std::memcpy(to, prefix.data(), prefix.size());
    if (!user.empty()) std::memcpy(to + prefix.size(), user.data(), user.size());
    key.hash = Hash64(key.key);
    key.sequence = sequence;
    results[i] = LookupResult();
    blocked[i] = false;
    return to + key.key.size();
  }

  static constexpr size_t kBytesMax = 1 << 20;  // kept between calls

  std::vector<char> bytes;  // stored keys
  std::array<LookupKey, kKeys> keys;
  std::array<LookupResult, kKeys> results;
  std::array<bool, kKeys> blocked;
  std::vector<napi_value> values;
  std::vector<std::pair<char*, size_t>> slabs;
};

}  // namespace varve::binding
