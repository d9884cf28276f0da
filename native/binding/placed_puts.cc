// Puts of keys and values where they stand in a request, laid down as operations of a batch
// (batch.ts).
#include <cstring>

#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/places.h"
#include "core/coding.h"

namespace varve::binding {

namespace {

constexpr size_t kKeyPair = 0;
constexpr size_t kValuePair = 1;

// Kind, length of the stored key, stored key, length of the value, value.
size_t PutBytesMax(const Places& places, size_t item, Slice prefix) {
  return 1 + 2 * kVarint32BytesMax + prefix.size() + places.At(item, kKeyPair).size() +
         places.At(item, kValuePair).size();
}

char* Lay(char* to, Slice bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

napi_value LayPuts(napi_env env, napi_callback_info info) {
  Arguments<7> arguments(env, info);
  size_t frame_bytes = 0;
  char* frame = arguments.Bytes(0, "frame", &frame_bytes);
  size_t at = arguments.Integer(1, "at");
  const std::string prefix = SpacePrefix(arguments.Integer(2, "space", kSpaceMax));
  Places places;
  if (!places.Read(env, &arguments, 3, 2)) return nullptr;
  for (size_t item = places.from(); item < places.count(); ++item) {
    if (at > frame_bytes || PutBytesMax(places, item, prefix) > frame_bytes - at) {
      return Throw(env, Status::InvalidArgument("frame has no room for the puts"));
    }
    const Slice key = places.At(item, kKeyPair);
    const Slice value = places.At(item, kValuePair);
    char* to = frame + at;
    *to++ = static_cast<char>(Kind::kPut);
    to = EncodeVarint32(to, static_cast<uint32_t>(prefix.size() + key.size()));
    to = Lay(Lay(to, prefix), key);
    to = EncodeVarint32(to, static_cast<uint32_t>(value.size()));
    at = static_cast<size_t>(Lay(to, value) - frame);
  }
  return MakeNumber(env, static_cast<uint64_t>(at));
}

constexpr Export kExports[] = {{"layPuts", LayPuts}};

}  // namespace

Exports PlacedPutExports() { return kExports; }

}  // namespace varve::binding
