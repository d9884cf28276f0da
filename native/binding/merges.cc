// Flush and compaction.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "binding/object_reader.h"
#include "binding/table_options.h"

namespace varve::binding {

namespace {

bool ReadKeys(napi_env env, napi_value array, const char* what, std::vector<std::string>* keys) {
  std::vector<napi_value> elements;
  if (!ToElements(env, array, what, &elements)) return false;
  for (const napi_value element : elements) {
    if (!ToByteString(env, element, what, &keys->emplace_back())) return false;
  }
  return true;
}

// One level of `deeper`: first and last keys in turn.
bool ReadSpans(napi_env env, napi_value array,
               std::vector<std::pair<std::string, std::string>>* spans) {
  std::vector<std::string> keys;
  if (!ReadKeys(env, array, "deeper", &keys)) return false;
  if (keys.size() % 2 != 0) {
    ThrowInvalid(env, "deeper", "must hold a first and a last key of each table");
    return false;
  }
  for (size_t i = 0; i < keys.size(); i += 2) {
    spans->emplace_back(std::move(keys[i]), std::move(keys[i + 1]));
  }
  return true;
}

MergeFacts ReadFacts(ObjectReader* request) {
  MergeFacts result;
  if (request->failed()) return result;
  const napi_env env = request->env();
  ObjectReader facts(request->environment(), request->Get("facts"), "facts");
  for (const napi_value element : facts.Elements("snapshots")) {
    if (!ToInteger(env, element, "snapshots", kIntegerMax, &result.snapshots.emplace_back())) {
      facts.Fail();
      break;
    }
  }
  result.expired_ms = facts.Integer("expiredMs");
  result.bottommost = facts.Boolean("bottommost");
  for (const napi_value element : facts.Elements("deeper")) {
    if (!ReadSpans(env, element, &result.deeper.emplace_back())) {
      facts.Fail();
      break;
    }
  }
  if (facts.failed()) request->Fail();
  return result;
}

napi_value MakeJobResult(napi_env env, const JobResult& result) {
  napi_value outputs = nullptr;
  if (napi_create_array_with_length(env, result.outputs.size(), &outputs) != napi_ok) {
    return nullptr;
  }
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    ObjectBuilder output(env);
    output.Number("file", uint64_t{result.outputs[i].file});
    output.Set("properties", MakeProperties(env, result.outputs[i].properties));
    if (!output.value() ||
        napi_set_element(env, outputs, static_cast<uint32_t>(i), output.value()) != napi_ok) {
      return nullptr;
    }
  }
  ObjectBuilder object(env);
  object.Set("outputs", outputs);
  object.Number("entriesIn", result.entries_in);
  object.Number("entriesOut", result.entries_out);
  object.Number("entriesDropped", result.entries_dropped);
  object.Number("bytesIn", result.bytes_in);
  object.Number("bytesOut", result.bytes_out);
  return object.value();
}

// `kRun` is RunFlush or RunCompaction; the engine keeps the file system.
template <class Request, Status (*kRun)(const Request&, JobProgress*, JobResult*)>
struct MergeWork {
  std::shared_ptr<Engine> engine;
  Request request;
  JobResult result;

  Status Run(JobProgress* progress) { return kRun(request, progress, &result); }
  napi_value Result(Environment* environment) { return MakeJobResult(environment->env(), result); }
};

napi_value Flush(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  MergeWork<FlushJob, RunFlush> work;
  work.engine = arguments.Share<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  ObjectReader request(&arguments.environment(), arguments[1], "request");
  for (const napi_value element : request.Elements("memtables")) {
    work.request.memtables.push_back(request.ShareValue<Memtable>(element, "memtables"));
  }
  work.request.output = ReadOutput(&request, request.Get("output"));
  work.request.table = ReadTableOptions(&request);
  work.request.facts = ReadFacts(&request);
  work.request.fs = work.engine->fs();
  if (request.failed()) return nullptr;
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kFlush, std::move(work));
}

void ReadRuns(ObjectReader* request, CompactionJob* job) {
  for (const napi_value run : request->Elements("runs")) {
    std::vector<napi_value> tables;
    if (!ToElements(request->env(), run, "runs", &tables)) return request->Fail();
    auto& readers = job->runs.emplace_back();
    for (const napi_value table : tables) {
      const auto handle = request->ShareValue<TableHandle>(table, "runs");
      if (!handle) return;
      readers.push_back(handle->reader);
    }
  }
}

napi_value Compact(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  MergeWork<CompactionJob, RunCompaction> work;
  work.engine = arguments.Share<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  ObjectReader request(&arguments.environment(), arguments[1], "request");
  ReadRuns(&request, &work.request);
  for (const napi_value output : request.Elements("outputs")) {
    work.request.outputs.push_back(ReadOutput(&request, output));
  }
  work.request.output_bytes_max = request.Integer("outputBytesMax");
  const napi_value cut_after = request.Get("cutAfter");
  if (cut_after && !ReadKeys(env, cut_after, "cutAfter", &work.request.cut_after)) request.Fail();
  work.request.table = ReadTableOptions(&request);
  work.request.facts = ReadFacts(&request);
  work.request.fs = work.engine->fs();
  if (request.failed()) return nullptr;
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kCompact, std::move(work));
}

constexpr Export kExports[] = {{"flushJob", Flush}, {"compactJob", Compact}};

}  // namespace

Exports MergeExports() { return kExports; }

}  // namespace varve::binding
