// Reactors: listening, and what has happened since the last look.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/error.h"
#include "binding/exports.h"
#include "binding/give.h"
#include "binding/reactor_handle.h"

namespace varve::binding {

namespace {

// In `events`: how many, bytes, whether there may be more; then three numbers each.
constexpr size_t kHead = 3;
constexpr size_t kEach = sizeof(net::Event) / sizeof(int32_t);

napi_value OpenReactor(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env, arguments[0], &type) != napi_ok || type != napi_function) {
    return ThrowInvalid(env, "callback", "must be a function");
  }
  std::shared_ptr<ReactorHandle> handle;
  const Status opened = ReactorHandle::Open(env, arguments[0], &handle);
  if (!opened.ok()) return Throw(env, opened);
  return GiveHandle(&arguments.environment(), std::move(handle));
}

napi_value Listen(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  ReactorHandle* handle = arguments.Handle<ReactorHandle>(0, "reactor");
  const std::string address = arguments.Text(1, "address");
  const uint64_t port = arguments.Integer(2, "port", UINT16_MAX);
  const uint64_t backlog = arguments.Integer(3, "backlog", UINT16_MAX);
  if (arguments.failed()) return nullptr;
  net::Reactor& reactor = handle->reactor();
  const Status listening =
      reactor.Listen(address, static_cast<uint16_t>(port), static_cast<int>(backlog));
  if (!listening.ok()) return Throw(env, listening);
  handle->KeepAlive();
  return MakeText(env, reactor.ListeningAt());
}

napi_value StopListening(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  ReactorHandle* handle = arguments.Handle<ReactorHandle>(0, "reactor");
  if (arguments.failed()) return nullptr;
  handle->reactor().StopListening();
  return nullptr;
}

napi_value Take(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  ReactorHandle* handle = arguments.Handle<ReactorHandle>(0, "reactor");
  size_t size = 0;
  char* buffer = arguments.Bytes(1, "buffer", &size);
  const uint64_t from = arguments.Integer(2, "from");
  size_t length = 0;
  int32_t* events = arguments.Int32Array(3, "events", &length);
  if (arguments.failed()) return nullptr;
  if (from > size) return ThrowInvalid(env, "from", "must be within the buffer");
  if (length < kHead + kEach) return ThrowInvalid(env, "events", "must have room for one");
  const net::Reactor::Taken taken = handle->reactor().Take(
      buffer + from, size - from, reinterpret_cast<net::Event*>(events + kHead),
      (length - kHead) / kEach);
  events[0] = static_cast<int32_t>(taken.events);
  events[1] = static_cast<int32_t>(taken.bytes);
  events[2] = taken.is_full ? 1 : 0;
  return nullptr;
}

constexpr Export kExports[] = {{"openReactor", OpenReactor},
                               {"listen", Listen},
                               {"stopListening", StopListening},
                               {"takeEvents", Take}};

}  // namespace

Exports ReactorExports() { return kExports; }

}  // namespace varve::binding
