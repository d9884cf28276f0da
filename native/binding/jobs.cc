#include "binding/jobs.h"

#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/environment.h"
#include "binding/error.h"
#include "binding/exports.h"

namespace varve::binding {

napi_value SubmitJob(Environment* environment, Executor* executor, Lane lane,
                     std::unique_ptr<Job> job) {
  Job* raw = job.release();
  raw->id = environment->AddJob(raw);
  napi_value id = MakeNumber(environment->env(), raw->id);
  OutcomeQueue* outcomes = &environment->outcomes();
  // Every task is run, sooner or later, and ends in the queue: from there on the job has an owner.
  executor->Submit(lane, [raw, outcomes] {
    raw->status = raw->Run();
    outcomes->Push(std::unique_ptr<Job>(raw));
  });
  return id;
}

napi_value Undefined(Environment* environment) {
  napi_value value = nullptr;
  napi_get_undefined(environment->env(), &value);
  return value;
}

namespace {

// The error of a job that failed, or whose result could not be made; nullptr when all is well.
napi_value TakeOutcome(Environment* environment, Job* job, napi_value* result) {
  const napi_env env = environment->env();
  if (!job->status.ok()) return MakeError(env, job->status);
  *result = job->Result(environment);
  if (*result) return nullptr;
  bool pending = false;
  napi_value error = nullptr;
  napi_is_exception_pending(env, &pending);
  if (pending && napi_get_and_clear_last_exception(env, &error) == napi_ok) return error;
  return MakeError(env, Status(Code::kTooLarge, "the result does not fit into JavaScript"));
}

bool AddOutcome(Environment* environment, Job* job, napi_value array, uint32_t at) {
  const napi_env env = environment->env();
  napi_value result = Undefined(environment);
  napi_value error = TakeOutcome(environment, job, &result);
  if (!error) error = Undefined(environment);
  if (!result) result = Undefined(environment);
  napi_value id = MakeNumber(env, job->id);
  return id && napi_set_element(env, array, at, id) == napi_ok &&
         napi_set_element(env, array, at + 1, error) == napi_ok &&
         napi_set_element(env, array, at + 2, result) == napi_ok;
}

napi_value Drain(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  Environment& environment = arguments.environment();
  std::vector<std::unique_ptr<Job>> jobs = environment.outcomes().Take();
  napi_value array = nullptr;
  if (napi_create_array_with_length(env, jobs.size() * 3, &array) != napi_ok) return nullptr;
  bool ok = true;
  for (size_t i = 0; i < jobs.size(); ++i) {
    environment.ForgetJob(jobs[i]->id);
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(env, &scope) != napi_ok) continue;
    ok = ok && AddOutcome(&environment, jobs[i].get(), array, static_cast<uint32_t>(i * 3));
    napi_close_handle_scope(env, scope);
    jobs[i].reset();
  }
  environment.SweepExecutors();
  return ok ? array : nullptr;
}

napi_value Cancel(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  const double id = arguments.Number(0, "job");
  if (arguments.failed()) return nullptr;
  if (Job* job = arguments.environment().FindJob(id)) job->progress.cancelled = true;
  return nullptr;
}

napi_value Pace(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  const double id = arguments.Number(0, "job");
  const uint64_t gentle = arguments.Integer(1, "gentle", 1);
  if (arguments.failed()) return nullptr;
  if (Job* job = arguments.environment().FindJob(id)) job->progress.gentle = gentle != 0;
  return nullptr;
}

napi_value Progress(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  const double id = arguments.Number(0, "job");
  if (arguments.failed()) return nullptr;
  Job* job = arguments.environment().FindJob(id);
  napi_value array = nullptr;
  if (!job || napi_create_array_with_length(env, 3, &array) != napi_ok) return nullptr;
  const uint64_t numbers[] = {job->progress.bytes_read.load(), job->progress.bytes_written.load(),
                              job->progress.entries_read.load()};
  for (uint32_t i = 0; i < 3; ++i) {
    napi_value number = MakeNumber(env, numbers[i]);
    if (!number || napi_set_element(env, array, i, number) != napi_ok) return nullptr;
  }
  return array;
}

constexpr Export kExports[] = {
    {"drain", Drain}, {"cancel", Cancel}, {"pace", Pace}, {"progress", Progress}};

}  // namespace

Exports JobExports() { return kExports; }

}  // namespace varve::binding
