// Tables: opened, weighed, verified.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/give.h"
#include "binding/jobs.h"

namespace varve::binding {

namespace {

struct OpenTableWork {
  std::shared_ptr<Engine> engine;
  std::string path;
  uint64_t number = 0;
  FileId id{};
  std::shared_ptr<TableReader> reader;

  Status Run(JobProgress*) {
    return TableReader::Open(engine->fs(), path, number, id, engine->cache(), engine->counters(),
                             &reader);
  }
  napi_value Result(Environment* environment) {
    ObjectBuilder opened(environment->env());
    auto handle = std::make_shared<TableHandle>();
    handle->reader = reader;
    handle->engine = engine;
    opened.Set("table", GiveHandle(environment, std::move(handle)));
    opened.Number("pinnedBytes", reader->pinned_bytes());
    opened.Set("properties", MakeProperties(environment->env(), reader->properties()));
    reader.reset();
    return opened.value();
  }
};

napi_value OpenTable(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  OpenTableWork work;
  work.engine = arguments.Share<Engine>(0, "engine");
  work.path = arguments.Text(1, "path");
  work.number = arguments.Integer(2, "number");
  work.id = arguments.Id(3, "id");
  if (arguments.failed()) return nullptr;
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kDisk, std::move(work));
}

napi_value TableUses(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  TableHandle* table = arguments.Handle<TableHandle>(0, "table");
  if (arguments.failed()) return nullptr;
  return MakeNumber(env, static_cast<double>(table->reader.use_count() - 1));
}

napi_value TableOffset(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  TableHandle* table = arguments.Handle<TableHandle>(0, "table");
  const Slice key = arguments.Bytes(1, "key");
  if (arguments.failed()) return nullptr;
  return MakeNumber(env, table->reader->ApproximateOffset(key));
}

struct VerifyTableWork {
  std::shared_ptr<TableReader> reader;
  Status Run(JobProgress* progress) {
    return reader->Verify(&progress->cancelled, &progress->bytes_read);
  }
  napi_value Result(Environment* environment) { return Undefined(environment); }
};

napi_value VerifyTable(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  TableHandle* table = arguments.Handle<TableHandle>(0, "table");
  if (arguments.failed()) return nullptr;
  return StartJob(&arguments.environment(), table->engine->executor(), Lane::kCompact,
                  VerifyTableWork{table->reader});
}

constexpr Export kExports[] = {
    {"openTable", OpenTable},
    {"tableUses", TableUses},
    {"tableOffset", TableOffset},
    {"verifyTable", VerifyTable},
};

}  // namespace

Exports TableExports() { return kExports; }

}  // namespace varve::binding
