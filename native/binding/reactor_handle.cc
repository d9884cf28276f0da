#include "binding/reactor_handle.h"

#if defined(__GNUC__)
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_close
#pragma weak uv_ref
#pragma weak uv_unref
#endif

namespace varve::binding {

#if defined(__linux__)

Status ReactorHandle::Open(napi_env env, napi_value callback,
                           std::shared_ptr<ReactorHandle>* result) {
  if (!uv_poll_init || !uv_poll_start || !uv_poll_stop || !uv_close || !uv_ref || !uv_unref) {
    return Status::Unsupported("this runtime has no libuv");
  }
  std::unique_ptr<net::Reactor> reactor;
  VARVE_TRY(net::Reactor::Open(&reactor));
  std::shared_ptr<ReactorHandle> handle(new ReactorHandle(env, std::move(reactor)));
  VARVE_TRY(handle->Begin(callback));
  *result = std::move(handle);
  return Status::Ok();
}

Status ReactorHandle::Begin(napi_value callback) {
  const Status refused(Code::kIoError, "Node.js gave no event loop");
  uv_loop_t* loop = nullptr;
  napi_value name = nullptr;
  if (napi_get_uv_event_loop(env_, &loop) != napi_ok ||
      napi_create_string_utf8(env_, "varve.Reactor", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env_, nullptr, name, &context_) != napi_ok ||
      napi_create_reference(env_, callback, 1, &callback_) != napi_ok) {
    return refused;
  }
  auto poll = std::make_unique<uv_poll_t>();
  if (uv_poll_init(loop, poll.get(), reactor_->fd()) != 0) return refused;
  poll_ = poll.release();
  poll_->data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(poll_));
  return uv_poll_start(poll_, UV_READABLE, OnReady) == 0 ? Status::Ok() : refused;
}

void ReactorHandle::KeepAlive() { uv_ref(reinterpret_cast<uv_handle_t*>(poll_)); }

ReactorHandle::~ReactorHandle() {
  if (poll_) {
    uv_poll_stop(poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(poll_), [](uv_handle_t* closed) {
      std::unique_ptr<uv_poll_t> owned(reinterpret_cast<uv_poll_t*>(closed));
    });
  }
  if (callback_) napi_delete_reference(env_, callback_);
  if (context_) napi_async_destroy(env_, context_);
}

// A failed poll is told as well: what is wrong, Take finds out.
void ReactorHandle::OnReady(uv_poll_t* poll, int, int) {
  static_cast<ReactorHandle*>(poll->data)->Call();
}

void ReactorHandle::Call() {
  // What is called may release the handle.
  const std::shared_ptr<ReactorHandle> kept = shared_from_this();
  const napi_env env = env_;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  if (napi_get_reference_value(env, callback_, &callback) == napi_ok && callback &&
      napi_get_global(env, &receiver) == napi_ok &&
      napi_make_callback(env, context_, receiver, callback, 0, nullptr, nullptr) ==
          napi_pending_exception) {
    napi_value thrown = nullptr;
    if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
      napi_fatal_exception(env, thrown);
    }
  }
  napi_close_handle_scope(env, scope);
}

#else

Status ReactorHandle::Open(napi_env, napi_value, std::shared_ptr<ReactorHandle>*) {
  return Status::Unsupported("this system has no epoll");
}
ReactorHandle::~ReactorHandle() = default;
void ReactorHandle::KeepAlive() {}

#endif

}  // namespace varve::binding
