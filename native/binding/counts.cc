// Counts of the visible entries of a range: at once for a check, in slices for a scan, or by a job.
#include "binding/answers.h"
#include "binding/bounds.h"
#include "binding/convert.h"
#include "binding/exports.h"
#include "binding/jobs.h"
#include "binding/scan_job.h"

namespace varve::binding {

namespace {

constexpr size_t kFacts = 2;
constexpr uint32_t kDone = 1, kBlocks = 8;  // as in a page's info

void AddSlice(const ScanCount& slice, ScanCount* sum) {
  sum->entries += slice.entries;
  sum->sequence_last = std::max(sum->sequence_last, slice.sequence_last);
  sum->done = slice.done;
}

// On a lane: as many slices as it takes.
Status CountOn(Scan* scan, uint64_t entries_max, const JobProgress& progress, ScanCount* sum) {
  while (!sum->done && sum->entries < entries_max) {
    if (progress.cancelled.load(std::memory_order_relaxed)) return Status::Aborted();
    ScanCount slice;
    VARVE_TRY(scan->Count(ReadTier::kMayBlock, entries_max - sum->entries, &slice));
    AddSlice(slice, sum);
  }
  return Status::Ok();
}

napi_value MakeCount(napi_env env, const ScanCount& count, bool with_done) {
  ObjectBuilder object(env);
  object.Number("entries", count.entries);
  object.Number("sequenceLast", count.sequence_last);
  if (with_done) object.Boolean("done", count.done);
  return object.value();
}

// Arguments (engine, space, start, end, sequence, nowMs, …). nullptr after throwing.
template <size_t kCount>
std::shared_ptr<Engine> ReadRange(napi_env env, Arguments<kCount>* arguments,
                                  ScanOptions* options) {
  auto engine = arguments->template Share<Engine>(0, "engine");
  const uint64_t space = arguments->Integer(1, "space", kSpaceMax);
  if (arguments->failed()) return nullptr;
  ReadBounds(arguments, 2, space, options);
  options->sequence = SequenceArgument(*engine, arguments, 4);
  options->now_ms = arguments->Integer(5, "nowMs");
  if (arguments->failed()) return nullptr;
  if (engine->view()) return engine;
  Throw(env, Status::InvalidArgument("the engine has no view yet"));
  return nullptr;
}

napi_value CheckRange(napi_env env, napi_callback_info info) {
  Arguments<9> arguments(env, info);
  ScanOptions options;
  const std::shared_ptr<Engine> engine = ReadRange(env, &arguments, &options);
  if (!engine) return nullptr;
  const ReadTier tier = static_cast<ReadTier>(arguments.Integer(6, "tier", 2));
  const uint64_t count_max = arguments.Integer(7, "countMax");
  double* facts = arguments.Facts(8, kFacts);
  if (arguments.failed()) return nullptr;
  Scan scan(engine->view(), std::move(options));
  ScanCount count;
  // Who waits for the disk waits for the whole answer too.
  const Status status = tier == ReadTier::kMayBlock
                            ? CountOn(&scan, count_max + 1, JobProgress(), &count)
                            : scan.Count(tier, count_max + 1, &count);
  if (!status.ok() && !status.IsWouldBlock()) return Throw(env, status);
  facts[0] = static_cast<double>(count.entries);
  facts[1] = static_cast<double>(count.sequence_last);
  const bool over = count.done || count.entries > count_max;
  return MakeInteger(env, over ? kFound : kWouldBlock);
}

struct CheckRangeWork {
  std::shared_ptr<Engine> engine;
  std::shared_ptr<const View> view;
  ScanOptions options;
  uint64_t entries_max = 0;
  ScanCount count;

  Status Run(JobProgress* progress) {
    Scan scan(view, std::move(options));
    return CountOn(&scan, entries_max, *progress, &count);
  }
  napi_value Result(Environment* environment) {
    return MakeCount(environment->env(), count, false);
  }
};

napi_value CheckRangeJob(napi_env env, napi_callback_info info) {
  Arguments<7> arguments(env, info);
  CheckRangeWork work;
  work.engine = ReadRange(env, &arguments, &work.options);
  if (!work.engine) return nullptr;
  work.entries_max = arguments.Integer(6, "countMax") + 1;
  if (arguments.failed()) return nullptr;
  work.view = work.engine->view();
  const std::shared_ptr<Executor> executor = work.engine->executor();
  return StartJob(&arguments.environment(), executor, Lane::kRead, std::move(work));
}

napi_value CountScan(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  ScanHandle* scan = ScanArgument(env, &arguments);
  if (!scan) return nullptr;
  const ReadTier tier = static_cast<ReadTier>(arguments.Integer(1, "tier", 2));
  const uint64_t entries_max = arguments.Integer(2, "entriesMax");
  double* facts = arguments.Facts(3, kFacts);
  if (arguments.failed()) return nullptr;
  ScanCount count;
  const Status status = scan->scan.Count(tier, entries_max, &count);
  if (!status.ok() && !status.IsWouldBlock()) return Throw(env, status);
  facts[0] = static_cast<double>(count.sequence_last);
  facts[1] = (count.done ? kDone : 0) | (status.ok() ? 0 : kBlocks);
  return MakeNumber(env, count.entries);
}

struct CountScanWork {
  std::shared_ptr<ScanHandle> scan;
  uint64_t entries_max = 0;
  ScanCount count;

  Status Run(JobProgress* progress) { return CountOn(&scan->scan, entries_max, *progress, &count); }
  napi_value Result(Environment* environment) { return MakeCount(environment->env(), count, true); }
};

napi_value CountScanJob(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  if (!ScanArgument(env, &arguments)) return nullptr;
  CountScanWork work;
  work.scan = arguments.Share<ScanHandle>(0, "scan");
  work.entries_max = arguments.Integer(1, "entriesMax");
  if (arguments.failed()) return nullptr;
  return StartScanJob(&arguments.environment(), std::move(work));
}

constexpr Export kExports[] = {{"checkRange", CheckRange},
                               {"checkRangeJob", CheckRangeJob},
                               {"scanCount", CountScan},
                               {"scanCountJob", CountScanJob}};

}  // namespace

Exports CountExports() { return kExports; }

}  // namespace varve::binding
