// Engines: what one open database owns, and the view it is read through.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"

namespace varve::binding {

namespace {

constexpr uint64_t kCacheBytesMax = uint64_t{1} << 42;

napi_value CreateEngine(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  ExecutorHandle* executor = arguments.Handle<ExecutorHandle>(0, "executor");
  DiskHandle* disk = arguments.Handle<DiskHandle>(1, "fs");
  const uint64_t cache_bytes = arguments.Integer(2, "cacheBytes", kCacheBytesMax);
  if (arguments.failed()) return nullptr;
  return GiveHandle(&arguments.environment(),
                    std::make_shared<Engine>(disk->fs, executor->executor, cache_bytes));
}

napi_value SetCacheBytes(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  const uint64_t bytes = arguments.Integer(1, "bytes", kCacheBytesMax);
  if (!arguments.failed()) engine->cache()->SetCapacity(bytes);
  return nullptr;
}

napi_value EngineStats(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  const CacheStats cache = engine->cache()->Stats();
  const ReadCounters& reads = *engine->counters();
  const Wal* wal = engine->wal().get();
  ObjectBuilder stats(env);
  stats.Number("cacheCapacityBytes", cache.capacity_bytes);
  stats.Number("cacheBytes", cache.used_bytes);
  stats.Number("cacheBlocks", cache.blocks);
  stats.Number("cacheHits", cache.hits);
  stats.Number("cacheMisses", cache.misses);
  stats.Number("cacheEvictions", cache.evictions);
  stats.Number("filterChecks", reads.filter_checks.load());
  stats.Number("filterNegatives", reads.filter_negatives.load());
  stats.Number("filterFalsePositives", reads.filter_false_positives.load());
  stats.Number("blocksFromPageCache", reads.blocks_from_page_cache.load());
  stats.Number("blocksFromDisk", reads.blocks_from_disk.load());
  stats.Number("wouldBlock", reads.would_block.load());
  stats.Number("blockBytesRead", reads.block_bytes_read.load());
  stats.Number("walBytesAppended", wal ? wal->bytes_appended() : 0);
  stats.Number("walSyncs", wal ? wal->syncs() : 0);
  stats.Number("scans", engine->scans().load());
  return stats.value();
}

// The objects of an array of handles; false after throwing.
template <class T>
bool ShareAll(Environment* environment, napi_value array, const char* what,
              std::vector<std::shared_ptr<T>>* objects) {
  const napi_env env = environment->env();
  std::vector<napi_value> elements;
  if (!ToElements(env, array, what, &elements)) return false;
  for (const napi_value element : elements) {
    double number = 0;
    const std::shared_ptr<void>* found = nullptr;
    if (napi_get_value_double(env, element, &number) == napi_ok) {
      found = environment->handles().Find<T>(number);
    }
    if (!found) {
      ThrowInvalid(env, what, HandleTraits<T>::kRule);
      return false;
    }
    objects->push_back(std::static_pointer_cast<T>(*found));
  }
  return true;
}

bool ReadLevels(Environment* environment, napi_value array, std::vector<View::Tables>* levels) {
  std::vector<napi_value> elements;
  if (!ToElements(environment->env(), array, "levels", &elements)) return false;
  for (const napi_value element : elements) {
    std::vector<std::shared_ptr<TableHandle>> handles;
    if (!ShareAll(environment, element, "levels", &handles)) return false;
    View::Tables& tables = levels->emplace_back();
    for (const auto& handle : handles) tables.push_back(handle->reader);
  }
  return true;
}

napi_value SetView(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  Environment* environment = &arguments.environment();
  const auto engine = arguments.Share<Engine>(0, "engine");
  auto memtable = arguments.Share<Memtable>(1, "memtable");
  std::vector<std::shared_ptr<Memtable>> frozen;
  std::vector<View::Tables> levels;
  if (arguments.failed() || !ShareAll(environment, arguments[2], "frozen", &frozen) ||
      !ReadLevels(environment, arguments[3], &levels)) {
    return nullptr;
  }
  engine->SetView(
      std::make_shared<const View>(std::move(memtable), std::move(frozen), std::move(levels)));
  return nullptr;
}

constexpr Export kExports[] = {
    {"createEngine", CreateEngine},
    {"setCacheBytes", SetCacheBytes},
    {"engineStats", EngineStats},
    {"setView", SetView},
};

}  // namespace

Exports EngineExports() { return kExports; }

}  // namespace varve::binding
