// The connections of a reactor.
#include "binding/arguments.h"
#include "binding/convert.h"
#include "binding/error.h"
#include "binding/exports.h"
#include "binding/reactor_handle.h"

namespace varve::binding {

namespace {

// The first two arguments of all that follows: a reactor, and the number of one of its connections.
// One that is closed, or was never there, takes nothing and says nothing: whoever holds its number
// may not know yet.
template <size_t kCount>
struct ConnectionArguments : Arguments<kCount> {
  ConnectionArguments(napi_env env, napi_callback_info info) : Arguments<kCount>(env, info) {
    handle = this->template Handle<ReactorHandle>(0, "reactor");
    number = static_cast<uint32_t>(this->Integer(1, "connection", UINT32_MAX));
  }

  // nullptr: it is not open, or an exception is pending.
  net::Reactor* reactor() const {
    return !this->failed() && handle->reactor().IsOpen(number) ? &handle->reactor() : nullptr;
  }

  ReactorHandle* handle = nullptr;
  uint32_t number = 0;
};

napi_value Write(napi_env env, napi_callback_info info) {
  ConnectionArguments<3> arguments(env, info);
  const Slice bytes = arguments.Bytes(2, "bytes");
  if (arguments.failed()) return nullptr;
  net::Reactor* reactor = arguments.reactor();
  const size_t left = reactor ? reactor->Write(arguments.number, bytes.data(), bytes.size()) : 0;
  return MakeNumber(env, uint64_t{left});
}

// Parts: number of a connection, and where its bytes end; afterwards, how many bytes of the
// connection wait.
napi_value WriteParts(napi_env env, napi_callback_info info) {
  Arguments<4> arguments(env, info);
  ReactorHandle* handle = arguments.Handle<ReactorHandle>(0, "reactor");
  const Slice bytes = arguments.Bytes(1, "bytes");
  size_t length = 0;
  uint32_t* parts = arguments.Uint32Array(2, "parts", &length);
  const uint64_t count = arguments.Integer(3, "count", length / 2);
  if (arguments.failed()) return nullptr;
  net::Reactor& reactor = handle->reactor();
  size_t start = 0;
  uint32_t waiting = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t number = parts[2 * i];
    const size_t end = parts[2 * i + 1];
    if (end < start || end > bytes.size())
      return ThrowInvalid(env, "parts", "must be in order, and within the bytes");
    size_t left = 0;
    if (reactor.IsOpen(number)) left = reactor.Write(number, bytes.data() + start, end - start);
    parts[2 * i + 1] = static_cast<uint32_t>(left);
    if (left > 0) ++waiting;
    start = end;
  }
  return MakeNumber(env, waiting);
}

napi_value Waiting(napi_env env, napi_callback_info info) {
  ConnectionArguments<2> arguments(env, info);
  if (arguments.failed()) return nullptr;
  net::Reactor* reactor = arguments.reactor();
  return MakeNumber(env, uint64_t{reactor ? reactor->Waiting(arguments.number) : 0});
}

napi_value SetReading(napi_env env, napi_callback_info info) {
  ConnectionArguments<3> arguments(env, info);
  const bool on = arguments.Boolean(2, "on");
  if (net::Reactor* reactor = arguments.reactor()) reactor->SetReading(arguments.number, on);
  return nullptr;
}

napi_value Finish(napi_env env, napi_callback_info info) {
  ConnectionArguments<2> arguments(env, info);
  if (net::Reactor* reactor = arguments.reactor()) reactor->Finish(arguments.number);
  return nullptr;
}

napi_value Close(napi_env env, napi_callback_info info) {
  ConnectionArguments<2> arguments(env, info);
  if (net::Reactor* reactor = arguments.reactor()) reactor->Close(arguments.number);
  return nullptr;
}

napi_value Addresses(napi_env env, napi_callback_info info) {
  ConnectionArguments<2> arguments(env, info);
  if (arguments.failed()) return nullptr;
  net::Reactor* reactor = arguments.reactor();
  return MakeText(env, reactor ? reactor->Addresses(arguments.number) : std::string());
}

constexpr Export kExports[] = {{"writeConnection", Write},   {"writeParts", WriteParts},
                               {"waitingBytes", Waiting},    {"setReading", SetReading},
                               {"finishConnection", Finish}, {"closeConnection", Close},
                               {"addressesOf", Addresses}};

}  // namespace

Exports ConnectionExports() { return kExports; }

}  // namespace varve::binding
