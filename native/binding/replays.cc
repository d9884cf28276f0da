// Replay: reads the log of an earlier process back, and gives it to the engine.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "binding/log_state.h"
#include "binding/segment_identity.h"
#include "core/wal_replay.h"

namespace varve::binding {

namespace {

struct ReplayWork {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<Memtable> memtable;
  ReplayOptions options;
  // Where the log goes on; null: it is only read.
  std::shared_ptr<WalSegment> segment;
  SegmentIdentity identity;
  // out
  ReplayResult found;
  std::shared_ptr<Wal> wal;

  Status Run(JobProgress* progress) {
    const auto note = [progress](Slice record, const RecordHeader&) {
      progress->bytes_read.fetch_add(record.size(), std::memory_order_relaxed);
      progress->entries_read.fetch_add(1, std::memory_order_relaxed);
      return progress->cancelled.load(std::memory_order_relaxed) ? Status::Aborted() : Status::Ok();
    };
    VARVE_TRY(ReplayWal(engine->fs(), options, memtable.get(), note, &found));
    wal = std::make_shared<Wal>(std::move(found.log));
    if (!segment) return Status::Ok();
    std::vector<std::string> superfluous;
    VARVE_TRY(wal->Restart(std::move(segment), identity, options.flushed.index, &superfluous));
    found.unused.insert(found.unused.end(), superfluous.begin(), superfluous.end());
    return Status::Ok();
  }

  napi_value Result(Environment* environment) {
    const napi_env env = environment->env();
    const LogPosition position = wal->position();
    const bool all_applied = found.applied.index >= position.index;
    const Status status =
        engine->OpenWal(wal, all_applied ? position.sequence : found.applied.sequence);
    if (!status.ok()) return Throw(env, status);
    ObjectBuilder result(env);
    AddLogState(&result, position, wal->hard_state(), wal->synced_index());
    result.Number("firstIndex", wal->first_index());
    result.Number("appliedIndex", found.applied.index);
    result.Number("records", found.records);
    result.Number("operations", found.operations);
    result.Number("bytes", found.bytes);
    uint64_t membership_index = 0;
    result.Bytes("membership", wal->membership(&membership_index));
    result.Number("membershipIndex", membership_index);
    result.Set("unused", MakeTextArray(env, found.unused));
    AddCut(&result, env);
    return result.value();
  }

  void AddCut(ObjectBuilder* result, napi_env env) const {
    if (found.cut_file.empty()) return result->Null("cut");
    ObjectBuilder cut(env);
    cut.Text("file", found.cut_file);
    cut.Number("offset", found.cut_offset);
    cut.Text("reason", found.cut_reason);
    result->Set("cut", cut.value());
  }
};

bool ReadSegments(ObjectReader* request, std::vector<ReplaySegment>* segments) {
  for (const napi_value element : request->Elements("segments")) {
    ObjectReader reader(request->environment(), element, "a segment");
    ReplaySegment segment;
    segment.path = reader.Text("path");
    segment.number = reader.Integer("number");
    if (reader.Has("id")) segment.id = reader.Id("id");
    if (reader.Has("endOffset")) segment.end = reader.Integer("endOffset");
    if (reader.failed()) return false;
    segments->push_back(std::move(segment));
  }
  return !request->failed();
}

bool ReadCopyTo(ObjectReader* request, ReplayWork* work) {
  if (!request->Has("copyTo")) return !request->failed();
  ObjectReader copy(request->environment(), request->Get("copyTo"), "copyTo");
  work->segment = copy.Share<WalSegment>("segment");
  work->identity.number = copy.Integer("number");
  work->identity.id = copy.Id("id");
  const napi_value life = copy.Get("life");
  if (copy.failed() || !ToLife(copy.env(), life, "life", &work->identity.life)) return false;
  if (!work->segment->begun()) return true;
  ThrowInvalid(copy.env(), "copyTo.segment", "must not have begun");
  return false;
}

napi_value ReplayJob(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  ReplayWork work;
  work.engine = arguments.Share<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  ObjectReader request(&arguments.environment(), arguments[1], "request");
  work.options.flushed.index = request.Integer("flushedIndex");
  work.options.flushed.term = request.Integer("flushedTerm");
  work.options.flushed.sequence = request.Integer("flushedSequence");
  work.options.flushed.time_ms = request.Integer("flushedTimeMs");
  work.options.synced_index = request.Integer("syncedIndex");
  if (request.Has("applyTo")) work.options.apply_to = request.Integer("applyTo");
  if (request.Has("onlyCommitted")) work.options.only_committed = request.Boolean("onlyCommitted");
  work.memtable = request.Share<Memtable>("memtable");
  if (!ReadSegments(&request, &work.options.segments) || !ReadCopyTo(&request, &work)) {
    return nullptr;
  }
  if (work.engine->wal()) return ThrowInvalid(env, "engine", "must not have its log yet");
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kCompact, std::move(work));
}

constexpr Export kExports[] = {{"replayJob", ReplayJob}};

}  // namespace

Exports ReplayExports() { return kExports; }

}  // namespace varve::binding
