// GiveHandle: puts an object into the environment's table and returns its handle to JavaScript.
#pragma once

#include <memory>
#include <utility>

#include "binding/convert.h"
#include "binding/environment.h"
#include "binding/error.h"

namespace varve::binding {

template <class T>
napi_value GiveHandle(Environment* environment, std::shared_ptr<T> object) {
  const uint32_t handle = environment->handles().Add<T>(std::move(object));
  if (handle != 0) return MakeNumber(environment->env(), handle);
  return Throw(environment->env(), Status(Code::kTooLarge, "there are too many handles"));
}

}  // namespace varve::binding
