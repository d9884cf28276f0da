// The log of an engine: where it stands, its membership, its end.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "binding/log_state.h"

namespace varve::binding {

LogPosition ReadPosition(ObjectReader* state) {
  LogPosition position;
  position.index = state->Integer("index");
  position.term = state->Integer("term");
  position.sequence = state->Integer("sequence");
  position.time_ms = state->Integer("timeMs");
  return position;
}

void AddLogState(ObjectBuilder* state, const LogPosition& position, const HardState& hard_state,
                 uint64_t synced_index) {
  state->Number("index", position.index);
  state->Number("term", position.term);
  state->Number("sequence", position.sequence);
  state->Number("timeMs", position.time_ms);
  state->Number("hardTerm", hard_state.term);
  state->Number("hardVote", hard_state.vote);
  state->Number("hardCommit", hard_state.commit);
  state->Number("syncedIndex", synced_index);
}

Wal* RequireWal(napi_env env, const Engine* engine) {
  if (!engine->wal()) Throw(env, Status::InvalidArgument("the engine has no log yet"));
  return engine->wal().get();
}

namespace {

napi_value OpenWal(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  const auto engine = arguments.Share<Engine>(0, "engine");
  const std::string membership(arguments.Bytes(2, "membership"));
  if (arguments.failed()) return nullptr;
  ObjectReader reader(&arguments.environment(), arguments[1], "state");
  LogState state(ReadPosition(&reader), membership);
  state.hard_state.term = reader.Integer("hardTerm");
  state.hard_state.vote = reader.Integer("hardVote");
  state.hard_state.commit = reader.Integer("hardCommit");
  state.synced_index = reader.Integer("syncedIndex");
  if (reader.failed()) return nullptr;
  const Sequence visible = state.position.sequence;
  const Status status = engine->OpenWal(std::make_shared<Wal>(std::move(state)), visible);
  return status.ok() ? nullptr : Throw(env, status);
}

napi_value VisibleSequence(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  const Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  return MakeNumber(env, engine->visible_sequence());
}

napi_value WalState(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  const Wal* wal = RequireWal(env, engine);
  if (!wal) return nullptr;
  ObjectBuilder state(env);
  AddLogState(&state, wal->position(), wal->hard_state(), wal->synced_index());
  state.Number("firstIndex", wal->first_index());
  state.Boolean("needsSync", wal->needs_sync());
  return state.value();
}

napi_value WalMembership(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (arguments.failed()) return nullptr;
  const Wal* wal = RequireWal(env, engine);
  if (!wal) return nullptr;
  uint64_t index = 0;
  const std::string bytes = wal->membership(&index);
  ObjectBuilder membership(env);
  membership.Number("index", index);
  membership.Bytes("bytes", bytes);
  return membership.value();
}

napi_value ResetWal(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  const auto engine = arguments.Share<Engine>(0, "engine");
  std::string membership(arguments.Bytes(2, "membership"));
  if (arguments.failed()) return nullptr;
  ObjectReader reader(&arguments.environment(), arguments[1], "position");
  const LogPosition position = ReadPosition(&reader);
  if (reader.failed()) return nullptr;
  const Status status = engine->Reset(position, std::move(membership));
  return status.ok() ? nullptr : Throw(env, status);
}

struct SyncWork {
  std::shared_ptr<Wal> wal;
  Status Run(JobProgress*) { return wal->Sync(); }
  napi_value Result(Environment* environment) {
    return MakeNumber(environment->env(), wal->synced_index());
  }
};

napi_value SyncJob(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  if (arguments.failed() || !RequireWal(env, engine)) return nullptr;
  return StartJob(&arguments.environment(), engine->executor(), Lane::kSync,
                  SyncWork{engine->wal()});
}

napi_value TruncateAfter(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  Engine* engine = arguments.Handle<Engine>(0, "engine");
  const uint64_t index = arguments.Integer(1, "index");
  if (arguments.failed()) return nullptr;
  const Status status = engine->TruncateAfter(index);
  return status.ok() ? nullptr : Throw(env, status);
}

constexpr Export kExports[] = {
    {"openWal", OpenWal},
    {"walState", WalState},
    {"walMembership", WalMembership},
    {"visibleSequence", VisibleSequence},
    {"resetWal", ResetWal},
    {"syncJob", SyncJob},
    {"truncateAfter", TruncateAfter},
};

}  // namespace

Exports WalExports() { return kExports; }

}  // namespace varve::binding
