// Salvage: what can be read of tables and wal segments that are damaged.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "binding/object_reader.h"
#include "binding/table_options.h"
#include "core/table_parts.h"
#include "core/table_salvage.h"
#include "core/wal_salvage.h"

namespace varve::binding {

namespace {

struct IdentifyWork {
  std::shared_ptr<FileSystem> fs;
  std::string path;
  FileId id{};

  Status Run(JobProgress*) {
    std::unique_ptr<File> file;
    VARVE_TRY(fs->Open(path, OpenMode::kRead, &file));
    return IdentifyTable(*file, &id);
  }
  napi_value Result(Environment* environment) {
    return MakeBuffer(environment->env(),
                      Slice(reinterpret_cast<const char*>(id.data()), id.size()));
  }
};

napi_value Identify(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  const auto executor = arguments.Share<ExecutorHandle>(0, "executor");
  const auto disk = arguments.Share<DiskHandle>(1, "fs");
  IdentifyWork work;
  work.path = arguments.Text(2, "path");
  if (arguments.failed()) return nullptr;
  work.fs = disk->fs;
  return StartJob(&arguments.environment(), executor->executor, Lane::kDisk, std::move(work));
}

// An array of objects, one for each element of `list`.
template <class List, class Make>
napi_value MakeArray(napi_env env, const List& list, Make make) {
  napi_value array = nullptr;
  if (napi_create_array_with_length(env, list.size(), &array) != napi_ok) return nullptr;
  for (size_t i = 0; i < list.size(); ++i) {
    napi_value element = make(list[i]);
    if (!element || napi_set_element(env, array, static_cast<uint32_t>(i), element) != napi_ok) {
      return nullptr;
    }
  }
  return array;
}

void SetBound(ObjectBuilder* object, const char* name, bool is_known, const std::string& key) {
  if (is_known) {
    object->Bytes(name, key);
  } else {
    object->Null(name);
  }
}

struct SalvageTableWork {
  std::shared_ptr<FileSystem> fs;
  TableSalvage request;
  TableSalvageResult result;

  Status Run(JobProgress* progress) {
    request.fs = fs.get();
    return SalvageTable(request, progress, &result);
  }
  napi_value Result(Environment* environment) {
    const napi_env env = environment->env();
    ObjectBuilder object(env);
    if (result.has_output) {
      object.Set("properties", MakeProperties(env, result.properties));
    } else {
      object.Null("properties");
    }
    object.Number("entries", result.entries);
    object.Number("rangeTombstones", result.range_tombstones);
    object.Number("blocks", result.blocks);
    object.Number("sequenceLast", result.sequence_last);
    if (result.has_entries_lost) {
      object.Number("entriesLost", result.entries_lost);
    } else {
      object.Null("entriesLost");
    }
    object.Set("lost", MakeArray(env, result.lost, [env](const LostSpan& span) {
                 ObjectBuilder lost(env);
                 lost.Number("offset", span.offset);
                 lost.Number("bytes", span.bytes);
                 SetBound(&lost, "first", span.has_first, span.first);
                 SetBound(&lost, "last", span.has_last, span.last);
                 lost.Boolean("isRanges", span.is_ranges);
                 return lost.value();
               }));
    return object.value();
  }
};

napi_value TableJob(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  const auto executor = arguments.Share<ExecutorHandle>(0, "executor");
  const auto disk = arguments.Share<DiskHandle>(1, "fs");
  if (arguments.failed()) return nullptr;
  SalvageTableWork work;
  work.fs = disk->fs;
  ObjectReader request(&arguments.environment(), arguments[2], "request");
  work.request.path = request.Text("path");
  work.request.id = request.Id("id");
  work.request.writes = request.Has("output");
  if (work.request.writes) {
    work.request.output = ReadOutput(&request, request.Get("output"));
    work.request.table = ReadTableOptions(&request);
  }
  if (request.failed()) return nullptr;
  return StartJob(&arguments.environment(), executor->executor, Lane::kCompact, std::move(work));
}

struct SalvageWalWork {
  std::shared_ptr<Engine> engine;
  WalSalvage request;
  WalSalvageResult result;

  Status Run(JobProgress* progress) {
    request.fs = engine->fs();
    return SalvageWal(request, progress, &result);
  }
  napi_value Result(Environment* environment) {
    const napi_env env = environment->env();
    ObjectBuilder object(env);
    object.Number("index", result.position.index);
    object.Number("term", result.position.term);
    object.Number("sequence", result.position.sequence);
    object.Number("timeMs", result.position.time_ms);
    object.Number("records", result.records);
    object.Number("operations", result.operations);
    object.Set("lost", MakeArray(env, result.lost, [env](const LostRecords& records) {
                 ObjectBuilder lost(env);
                 lost.Text("file", records.file);
                 lost.Number("offset", records.offset);
                 lost.Number("sequenceFirst", records.sequence_first);
                 lost.Number("sequenceLast", records.sequence_last);
                 return lost.value();
               }));
    return object.value();
  }
};

napi_value WalJob(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  SalvageWalWork work;
  work.engine = arguments.Share<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  ObjectReader request(&arguments.environment(), arguments[1], "request");
  for (const napi_value element : request.Elements("segments")) {
    ObjectReader segment(&arguments.environment(), element, "a segment");
    ReplaySegment& listed = work.request.segments.emplace_back();
    listed.path = segment.Text("path");
    listed.number = segment.Integer("number");
    if (segment.failed()) return nullptr;
  }
  work.request.flushed.index = request.Integer("flushedIndex");
  work.request.flushed.term = request.Integer("flushedTerm");
  work.request.flushed.sequence = request.Integer("flushedSequence");
  work.request.flushed.time_ms = request.Integer("flushedTimeMs");
  work.request.synced_index = request.Integer("syncedIndex");
  work.request.is_end_known = request.Boolean("isEndKnown");
  if (request.Has("lastIndex")) work.request.last_index = request.Integer("lastIndex");
  work.request.from_start = request.Boolean("fromStart");
  work.request.memtable = request.Share<Memtable>("memtable");
  if (request.failed()) return nullptr;
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kCompact, std::move(work));
}

constexpr Export kExports[] = {
    {"identifyTable", Identify}, {"salvageTable", TableJob}, {"salvageWal", WalJob}};

}  // namespace

Exports SalvageExports() { return kExports; }

}  // namespace varve::binding
