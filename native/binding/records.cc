// Records of the log one by one, as a member of a cluster appends, sends and applies them.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/frame.h"
#include "binding/log_state.h"

namespace varve::binding {

namespace {

Status AppendByKind(Engine* engine, const EntryToAppend& entry, char* frame, size_t payload_bytes) {
  if (IsEntry(entry.kind)) return engine->AppendEntry(entry, frame, payload_bytes);
  if (entry.kind == RecordKind::kSyncMark) return engine->MarkSynced();
  HardState hard_state;
  if (!DecodeHardState(Slice(frame + kRecordHeaderBytes, payload_bytes), &hard_state)) {
    return Status::InvalidArgument("a hard state is 24 bytes");
  }
  return engine->SetHardState(hard_state);
}

napi_value AppendRecord(napi_env env, napi_callback_info info) {
  Arguments<9> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  EntryToAppend entry;
  const uint64_t kind = arguments.Integer(1, "kind", 5);
  entry.kind = static_cast<RecordKind>(kind);
  entry.term = arguments.Integer(2, "term");
  entry.index = arguments.Integer(3, "index");
  entry.time_ms = arguments.Integer(4, "timeMs");
  entry.count = static_cast<uint32_t>(arguments.Integer(5, "operations", UINT32_MAX));
  const size_t payload_bytes = arguments.Integer(7, "payloadBytes");
  entry.first_sequence = arguments.IsUndefined(8) ? 0 : arguments.Integer(8, "firstSequence");
  char* frame = FrameArgument(env, &arguments, 6, payload_bytes);
  if (!frame) return nullptr;
  if (kind == 0) return ThrowInvalid(env, "kind", "must be a kind of record");
  const Status status = AppendByKind(engine, entry, frame, payload_bytes);
  return status.ok() ? nullptr : Throw(env, status);
}

napi_value ApplyRecords(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  const uint64_t from = arguments.Integer(1, "from");
  const uint64_t to = arguments.Integer(2, "to");
  if (arguments.failed()) return nullptr;
  uint64_t memtable_bytes = 0;
  const Status status = engine->ApplyEntries(from, to, &memtable_bytes);
  return status.ok() ? MakeNumber(env, memtable_bytes) : Throw(env, status);
}

napi_value ReadRecords(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  const uint64_t from = arguments.Integer(1, "from");
  const uint64_t bytes_max = arguments.Integer(2, "bytesMax");
  if (arguments.failed()) return nullptr;
  const Wal* wal = RequireWal(env, engine);
  if (!wal) return nullptr;
  std::string records;
  const Status status = wal->Read(from, bytes_max, &records);
  return status.ok() ? MakeBuffer(env, records) : Throw(env, status);
}

napi_value RecordTerm(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  const uint64_t index = arguments.Integer(1, "index");
  if (arguments.failed()) return nullptr;
  const Wal* wal = RequireWal(env, engine);
  if (!wal) return nullptr;
  uint64_t term = 0;
  const Status status = wal->Term(index, &term);
  return status.ok() ? MakeNumber(env, term) : Throw(env, status);
}

constexpr Export kExports[] = {
    {"appendRecord", AppendRecord},
    {"applyRecords", ApplyRecords},
    {"readRecords", ReadRecords},
    {"recordTerm", RecordTerm},
};

}  // namespace

Exports RecordExports() { return kExports; }

}  // namespace varve::binding
