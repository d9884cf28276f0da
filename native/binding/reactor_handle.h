// A reactor on Node's event loop: its descriptor is polled, and JavaScript is called when it has
// something to tell.
//
// Node's functions for that are looked up when the addon is loaded; a runtime without them has no
// reactors.
//
// Thread safety: the environment's thread only.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>

#include "binding/handle_kinds.h"
#include "net/reactor.h"

namespace varve::binding {

class ReactorHandle : public std::enable_shared_from_this<ReactorHandle> {
 public:
  static Status Open(napi_env env, napi_value callback, std::shared_ptr<ReactorHandle>* result);
  ~ReactorHandle();
  ReactorHandle(const ReactorHandle&) = delete;
  ReactorHandle& operator=(const ReactorHandle&) = delete;

  net::Reactor& reactor() { return *reactor_; }
  // From now on it keeps the event loop alive.
  void KeepAlive();

 private:
  ReactorHandle(napi_env env, std::unique_ptr<net::Reactor> reactor)
      : env_(env), reactor_(std::move(reactor)) {}
  Status Begin(napi_value callback);
  static void OnReady(uv_poll_t* poll, int status, int events);
  void Call();

  const napi_env env_;
  std::unique_ptr<net::Reactor> reactor_;
  uv_poll_t* poll_ = nullptr;  // deletes itself once the loop has let go of it
  napi_ref callback_ = nullptr;
  napi_async_context context_ = nullptr;
};

template <>
struct HandleTraits<ReactorHandle> {
  static constexpr HandleKind kKind = HandleKind::kReactor;
  static constexpr const char* kRule = "must be a live Reactor handle";
};

}  // namespace varve::binding
