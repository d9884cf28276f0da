#include "binding/handles.h"

namespace varve::binding {

uint32_t HandleTable::AddObject(HandleKind kind, std::shared_ptr<void> object) {
  uint32_t index = static_cast<uint32_t>(slots_.size());
  if (resting_.size() >= kRestingMin || (index == kSlotsMax && !resting_.empty())) {
    index = resting_.front();
    resting_.pop_front();
  } else if (index < kSlotsMax) {
    slots_.emplace_back();
  } else {
    return 0;
  }
  Slot& slot = slots_[index];
  slot.kind = kind;
  slot.object = std::move(object);
  return static_cast<uint32_t>(kind) << kKindShift | uint32_t{slot.generation} << kGenerationShift |
         index;
}

bool HandleTable::Remove(double handle, std::shared_ptr<void>* object) {
  if (!(handle >= 1 && handle <= 0x7fffffff)) return false;
  const uint32_t bits = static_cast<uint32_t>(handle);
  const HandleKind kind = static_cast<HandleKind>(bits >> kKindShift);
  if (kind == HandleKind::kFree || !FindObject(kind, handle)) return false;
  const uint32_t index = bits & 0xffff;
  Slot& slot = slots_[index];
  *object = std::move(slot.object);
  slot.object.reset();
  slot.kind = HandleKind::kFree;
  slot.generation = static_cast<uint16_t>((slot.generation + 1) & kGenerationMask);
  resting_.push_back(index);
  return true;
}

void HandleTable::Clear() {
  // Destructors run after the table is empty.
  std::vector<Slot> slots;
  slots.swap(slots_);
  resting_.clear();
}

}  // namespace varve::binding
