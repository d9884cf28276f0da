// HandleTable: the objects an environment was given, by small integers.
//
// handle = kind << 27 | generation << 16 | slot: it fits a small integer of V8. A slot that is
// given back gets the next generation, and rests until many others were given back, so that a stale
// handle is found out for all practical purposes; one of another kind always is.
//
// Thread safety: the environment's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace varve::binding {

enum class HandleKind : uint8_t {
  kFree = 0,
  kFileSystem,
  kExecutor,
  kEngine,
  kMemtable,
  kTable,
  kSegment,
  kScan,
  kAppendFile,
  kLock,
  kReactor,
};

// Specialised in handle_kinds.h: the kind of handles to objects of type T, and what people call it.
template <class T>
struct HandleTraits;

class HandleTable {
 public:
  static constexpr uint32_t kSlotsMax = 1 << 16;
  static constexpr uint32_t kRestingMin = 1 << 10;

  // 0 when the table is full.
  template <class T>
  uint32_t Add(std::shared_ptr<T> object) {
    return AddObject(HandleTraits<T>::kKind, std::move(object));
  }

  // nullptr when `handle` is not that of a T. Valid until Remove.
  template <class T>
  const std::shared_ptr<void>* Find(double handle) const {
    return FindObject(HandleTraits<T>::kKind, handle);
  }

  // The object goes to *object, so that its end can be delayed. False: there is no such handle.
  bool Remove(double handle, std::shared_ptr<void>* object);
  void Clear();

 private:
  struct Slot {
    HandleKind kind = HandleKind::kFree;
    uint16_t generation = 0;
    std::shared_ptr<void> object;
  };

  static constexpr uint32_t kKindShift = 27;
  static constexpr uint32_t kGenerationShift = 16;
  static constexpr uint32_t kGenerationMask = 0x7ff;

  uint32_t AddObject(HandleKind kind, std::shared_ptr<void> object);
  const std::shared_ptr<void>* FindObject(HandleKind kind, double handle) const {
    if (!(handle >= 1 && handle <= 0x7fffffff)) return nullptr;
    const uint32_t bits = static_cast<uint32_t>(handle);
    const uint32_t index = bits & 0xffff;
    if (bits != handle || index >= slots_.size()) return nullptr;
    const Slot& slot = slots_[index];
    const uint32_t expected = static_cast<uint32_t>(kind) << kKindShift |
                              uint32_t{slot.generation} << kGenerationShift | index;
    return bits == expected && slot.kind == kind ? &slot.object : nullptr;
  }

  std::vector<Slot> slots_;
  std::deque<uint32_t> resting_;
};

}  // namespace varve::binding
