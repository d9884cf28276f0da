// Reads of many keys in one call.
#include <cstring>

#include "binding/answers.h"
#include "binding/arguments.h"
#include "binding/ascii.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/keys.h"
#include "binding/scratch.h"

namespace varve::binding {

namespace {

constexpr uint64_t kValueBytesMax = uint64_t{1} << 30;

struct ManyRequest {
  const View* view = nullptr;
  ReadAs as;
  const char* keys = nullptr;
  size_t keys_bytes = 0;
  const uint32_t* key_sizes = nullptr;
  size_t count = 0;
  uint64_t value_bytes_max = 0;
  int32_t* sizes = nullptr;
  std::string prefix;
  // Where the next key and the next value are.
  size_t next = 0, key_at = 0, slab = 0, slab_at = 0;
  bool ascii = true;
};

// The stored forms of the next keys, up to `count` of them. False: keys are shorter than their
// sizes say.
bool GatherKeys(ManyRequest* request, size_t count, LookupScratch* scratch) {
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += request->key_sizes[request->next + i];
  if (total > request->keys_bytes - request->key_at) return false;
  scratch->bytes.resize(total + count * request->prefix.size());
  char* to = scratch->bytes.data();
  for (size_t i = 0; i < count; ++i) {
    const size_t size = request->key_sizes[request->next + i];
    const Slice user(request->keys + request->key_at, size);
    to = scratch->LayKey(i, to, request->prefix, user, request->as.sequence);
    request->key_at += size;
  }
  return true;
}

// Lays a value into the first slab from the present one on that has room. False: none has.
bool LayDown(ManyRequest* request, Slice value, const LookupScratch& scratch) {
  size_t slab = request->slab, at = request->slab_at;
  while (slab < scratch.slabs.size() && value.size() > scratch.slabs[slab].second - at) {
    slab += 1;
    at = 0;
  }
  if (slab == scratch.slabs.size()) return false;
  if (!value.empty()) std::memcpy(scratch.slabs[slab].first + at, value.data(), value.size());
  request->slab = slab;
  request->slab_at = at + value.size();
  request->ascii = request->ascii && IsAscii(value);
  return true;
}

// Answers for key `i` of those looked up last. *full: its value found no room.
Status AnswerKey(ManyRequest* request, size_t i, const LookupScratch& scratch, bool* full) {
  int32_t* size = &request->sizes[request->next];
  if (scratch.blocked[i]) {
    *size = kWouldBlock;
    return Status::Ok();
  }
  Finding finding;
  VARVE_TRY(Decide(scratch.results[i], request->as.now_ms, &finding));
  const Slice value = finding.value;
  if (finding.answer != kFound) {
    *size = finding.answer;
  } else if (scratch.slabs.empty()) {
    *size = 0;
  } else if (value.size() > request->value_bytes_max) {
    *size = kTooLong - static_cast<int32_t>(value.size());
  } else if (LayDown(request, value, scratch)) {
    *size = static_cast<int32_t>(value.size());
  } else {
    *full = true;
  }
  return Status::Ok();
}

Status LookUpAll(ManyRequest* request, LookupScratch* scratch) {
  bool full = false;
  while (request->next < request->count && !full) {
    const size_t count = std::min(LookupScratch::kKeys, request->count - request->next);
    if (!GatherKeys(request, count, scratch)) {
      return Status::InvalidArgument("keys must be as long as keySizes say");
    }
    const Status status = request->view->GetMany(scratch->keys.data(), count, request->as.tier,
                                                 scratch->results.data(), scratch->blocked.data());
    if (!status.ok() && !status.IsWouldBlock()) return status;
    for (size_t i = 0; i < count && !full; ++i) {
      VARVE_TRY(AnswerKey(request, i, *scratch, &full));
      if (!full) request->next += 1;
    }
  }
  return Status::Ok();
}

bool ReadSlabs(napi_env env, LookupScratch* scratch) {
  scratch->slabs.clear();
  for (const napi_value value : scratch->values) {
    char* data = nullptr;
    size_t size = 0;
    if (!ToBytes(env, value, "slabs", &data, &size)) return false;
    scratch->slabs.emplace_back(data, size);
  }
  return true;
}

// Everything but engine and slabs. False after throwing.
bool ReadRequest(napi_env env, Arguments<12>* arguments, ManyRequest* request) {
  size_t key_sizes = 0, sizes = 0;
  request->prefix = SpacePrefix(arguments->Integer(1, "space", kSpaceMax));
  request->keys = arguments->Bytes(2, "keys", &request->keys_bytes);
  request->key_sizes = arguments->Uint32Array(3, "keySizes", &key_sizes);
  request->next = arguments->Integer(4, "from");
  request->count = arguments->Integer(5, "count");
  request->value_bytes_max = arguments->Integer(10, "valueBytesMax", kValueBytesMax);
  request->sizes = arguments->Int32Array(11, "sizes", &sizes);
  if (arguments->failed()) return false;
  if (request->count > key_sizes || request->count > sizes || request->next > request->count) {
    ThrowInvalid(env, "count", "must not be beyond keySizes or sizes, nor from beyond it");
    return false;
  }
  for (size_t i = 0; i < request->next; ++i) request->key_at += request->key_sizes[i];
  if (request->key_at <= request->keys_bytes) return true;
  ThrowInvalid(env, "keys", "must be as long as keySizes say");
  return false;
}

napi_value GetMany(napi_env env, napi_callback_info info) {
  Arguments<12> arguments(env, info);
  LookupScratch* scratch = &arguments.environment().scratch();
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (!engine) return nullptr;
  const std::shared_ptr<const View> view = engine->view();
  if (!view) return Throw(env, Status::InvalidArgument("the engine has no view yet"));
  ManyRequest request;
  request.view = view.get();
  request.as = ReadAsArguments(*engine, &arguments, 6);
  // Elements first: reading them may run JavaScript, after which nothing borrowed is good.
  if (arguments.failed() || !ToElements(env, arguments[9], "slabs", &scratch->values) ||
      !ReadSlabs(env, scratch) || !ReadRequest(env, &arguments, &request)) {
    return nullptr;
  }
  const Status status = LookUpAll(&request, scratch);
  scratch->Recycle();
  if (!status.ok()) return Throw(env, status);
  const double next = static_cast<double>(request.next);
  return MakeNumber(env, request.ascii ? next : -next - 1);
}

constexpr Export kExports[] = {{"getMany", GetMany}};

}  // namespace

Exports ReadManyExports() { return kExports; }

}  // namespace varve::binding
