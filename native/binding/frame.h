// A frame: a Uint8Array with room for a record's header, its payload, and room for its padding.
#pragma once

#include "binding/arguments.h"
#include "core/wal.h"

namespace varve::binding {

// The frame's start, borrowed, once it is known to hold all three; nullptr after throwing.
template <size_t kCount>
char* FrameArgument(napi_env env, Arguments<kCount>* arguments, size_t index,
                    size_t payload_bytes) {
  size_t size = 0;
  char* frame = arguments->Bytes(index, "frame", &size);
  if (arguments->failed()) return nullptr;
  if (payload_bytes > kRecordPayloadBytesMax) {
    Throw(env, Status(Code::kTooLarge, "a record's payload is at most 1 GiB and 1 MiB"));
    return nullptr;
  }
  if (size >= kRecordHeaderBytes + payload_bytes + kRecordAlignment) return frame;
  ThrowInvalid(env, "frame", "must have room for header, payload and padding");
  return nullptr;
}

}  // namespace varve::binding
