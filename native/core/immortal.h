// Immortal: a value that is made once and never destroyed.
//
// For the few function-local statics that worker threads may still touch while the
// process runs its exit handlers; destroying those first would be a crash at exit.
#pragma once

#include <utility>

namespace varve {

template <typename Value>
class Immortal {
 public:
  template <typename... Arguments>
  explicit Immortal(Arguments&&... arguments) : value_{std::forward<Arguments>(arguments)...} {}
  ~Immortal() {}
  Immortal(const Immortal&) = delete;
  Immortal& operator=(const Immortal&) = delete;

  Value* operator->() { return &value_; }
  Value* get() { return &value_; }

 private:
  union {
    Value value_;
  };
};

}  // namespace varve
