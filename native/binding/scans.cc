// Scans: what a user's iterator reads through.
#include "binding/answers.h"
#include "binding/arguments.h"
#include "binding/bounds.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"
#include "binding/scan_job.h"

namespace varve::binding {

namespace {

constexpr uint64_t kReverse = 1, kDoNotFill = 2;

napi_value OpenScan(napi_env env, napi_callback_info info) {
  Arguments<7> arguments(env, info);
  auto engine = arguments.Share<Engine>(0, "engine");
  const uint64_t space = arguments.Integer(1, "space", kSpaceMax);
  const uint64_t flags = arguments.Integer(2, "flags", kReverse | kDoNotFill);
  if (arguments.failed()) return nullptr;
  const std::string prefix = SpacePrefix(space);
  ScanOptions options;
  ReadBounds(&arguments, 3, space, &options);
  options.reverse = (flags & kReverse) != 0;
  options.fill_cache = (flags & kDoNotFill) == 0;
  options.sequence = SequenceArgument(*engine, &arguments, 5);
  options.now_ms = arguments.Integer(6, "nowMs");
  options.strip = prefix.size();
  if (arguments.failed()) return nullptr;
  if (!engine->view()) return Throw(env, Status::InvalidArgument("the engine has no view yet"));
  return GiveHandle(&arguments.environment(),
                    std::make_shared<ScanHandle>(std::move(engine), prefix, std::move(options)));
}

napi_value ScanSeek(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  ScanHandle* scan = ScanArgument(env, &arguments);
  if (!scan) return nullptr;
  const Slice key = arguments.Bytes(1, "key");
  if (!arguments.failed()) scan->scan.Seek(scan->prefix + std::string(key));
  return nullptr;
}

napi_value ScanRefresh(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  if (ScanHandle* scan = ScanArgument(env, &arguments)) scan->scan.Refresh(scan->engine->view());
  return nullptr;
}

constexpr Export kExports[] = {
    {"openScan", OpenScan}, {"scanSeek", ScanSeek}, {"scanRefresh", ScanRefresh}};

}  // namespace

Exports ScanExports() { return kExports; }

}  // namespace varve::binding
