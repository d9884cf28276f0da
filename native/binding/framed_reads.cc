// Reads of keys where they stand in a request, answered as the reply is sent: a value as
//
//   "$" length CR LF value CR LF
//
// and a miss as the caller says it. No object is made in JavaScript for any of them.
#include <charconv>
#include <cstring>

#include "binding/answers.h"
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/places.h"
#include "binding/scratch.h"

namespace varve::binding {

namespace {

constexpr size_t kDigitsMax = 20;

// Bytes laid down one after the other, as long as there is room.
class Target {
 public:
  Target(char* bytes, size_t size) : bytes_(bytes), size_(size) {}
  size_t at() const { return at_; }

  bool Add(Slice bytes) {
    if (bytes.size() > size_ - at_) return false;
    Put(bytes);
    return true;
  }

  bool AddFramed(Slice value) {
    char head[1 + kDigitsMax + 2];
    head[0] = '$';
    char* end = std::to_chars(head + 1, head + 1 + kDigitsMax, value.size()).ptr;
    *end++ = '\r';
    *end++ = '\n';
    const Slice front(head, static_cast<size_t>(end - head));
    if (value.size() > size_ || front.size() + value.size() + 2 > size_ - at_) return false;
    Put(front);
    Put(value);
    Put("\r\n");
    return true;
  }

 private:
  void Put(Slice bytes) {
    if (!bytes.empty()) std::memcpy(bytes_ + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  char* bytes_;
  size_t size_;
  size_t at_ = 0;
};

void GatherKeys(const Places& places, Slice prefix, Sequence sequence, size_t from, size_t count,
                LookupScratch* scratch) {
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += prefix.size() + places.At(from + i, 0).size();
  scratch->bytes.resize(total);
  char* to = scratch->bytes.data();
  for (size_t i = 0; i < count; ++i) {
    to = scratch->LayKey(i, to, prefix, places.At(from + i, 0), sequence);
  }
}

// Answers the keys [*next, ...), one slice of them. False: the next one needs the disk or more
// room.
Status AnswerSlice(const View& view, const ReadAs& as, const Places& places, Slice prefix,
                   Slice missing, Target* target, uint32_t* ends, LookupScratch* scratch,
                   size_t* next, bool* stopped) {
  const size_t count = std::min(LookupScratch::kKeys, places.count() - *next);
  GatherKeys(places, prefix, as.sequence, *next, count, scratch);
  const Status status = view.GetMany(scratch->keys.data(), count, as.tier, scratch->results.data(),
                                     scratch->blocked.data());
  if (!status.ok() && !status.IsWouldBlock()) return status;
  for (size_t i = 0; i < count; ++i) {
    Finding finding;
    if (!scratch->blocked[i]) VARVE_TRY(Decide(scratch->results[i], as.now_ms, &finding));
    const bool found = finding.answer == kFound;
    if (scratch->blocked[i] || !(found ? target->AddFramed(finding.value) : target->Add(missing))) {
      *stopped = true;
      return Status::Ok();
    }
    ends[*next - places.from()] = static_cast<uint32_t>(target->at());
    *next += 1;
  }
  return Status::Ok();
}

napi_value GetFramed(napi_env env, napi_callback_info info) {
  Arguments<12> arguments(env, info);
  LookupScratch* scratch = &arguments.environment().scratch();
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (!engine) return nullptr;
  const std::shared_ptr<const View> view = engine->view();
  if (!view) return Throw(env, Status::InvalidArgument("the engine has no view yet"));
  const std::string prefix = SpacePrefix(arguments.Integer(1, "space", kSpaceMax));
  const ReadAs as = ReadAsArguments(*engine, &arguments, 2);
  Places places;
  if (!places.Read(env, &arguments, 5, 1)) return nullptr;
  size_t target_bytes = 0, ends_length = 0;
  char* bytes = arguments.Bytes(9, "target", &target_bytes);
  const Slice missing = arguments.Bytes(10, "missing");
  uint32_t* ends = arguments.Uint32Array(11, "ends", &ends_length);
  if (arguments.failed()) return nullptr;
  if (as.now_ms == 0) return Throw(env, Status::InvalidArgument("nowMs must be the time"));
  if (ends_length < places.count() - places.from()) {
    return Throw(env, Status::InvalidArgument("ends must have a number for each item"));
  }
  if (target_bytes > UINT32_MAX) {
    return Throw(env, Status::InvalidArgument("the target may have 4 GiB"));
  }
  Target target(bytes, target_bytes);
  size_t next = places.from();
  bool stopped = false;
  Status status;
  while (status.ok() && next < places.count() && !stopped) {
    status =
        AnswerSlice(*view, as, places, prefix, missing, &target, ends, scratch, &next, &stopped);
  }
  scratch->Recycle();
  if (!status.ok()) return Throw(env, status);
  return MakeNumber(env, static_cast<uint64_t>(next));
}

constexpr Export kExports[] = {{"getFramed", GetFramed}};

}  // namespace

Exports FramedReadExports() { return kExports; }

}  // namespace varve::binding
