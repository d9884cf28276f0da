// What a lookup says instead of a value, and how one asks: shared by all reads of keys.
#pragma once

#include <algorithm>
#include <cstdint>

#include "binding/arguments.h"
#include "core/coding.h"
#include "core/engine.h"
#include "core/lookup.h"

namespace varve::binding {

// Answer of index.d.cts.
inline constexpr int32_t kMissing = -1;
inline constexpr int32_t kWouldBlock = -2;
inline constexpr int32_t kNeedsTime = -3;
// A value of n bytes that was not given out: kTooLong - n.
inline constexpr int32_t kTooLong = -16;
inline constexpr int32_t kFound = 0;

// What a read may see, in terms of arguments [first, first + 3).
struct ReadAs {
  Sequence sequence = 0;
  uint64_t now_ms = 0;
  ReadTier tier = ReadTier::kCacheOnly;
};

// -1 is all that is visible; a sequence beyond that sees no more.
template <size_t kCount>
Sequence SequenceArgument(const Engine& engine, Arguments<kCount>* arguments, size_t index) {
  const double asked = arguments->Number(index, "sequence");
  const Sequence visible = engine.visible_sequence();
  if (arguments->failed() || asked == -1) return visible;
  return std::min(visible, arguments->Integer(index, "sequence"));
}

template <size_t kCount>
ReadAs ReadAsArguments(const Engine& engine, Arguments<kCount>* arguments, size_t first) {
  ReadAs as;
  as.sequence = SequenceArgument(engine, arguments, first);
  as.now_ms = arguments->Integer(first + 1, "nowMs");
  as.tier = static_cast<ReadTier>(arguments->Integer(first + 2, "tier", 2));
  return as;
}

struct Finding {
  int32_t answer = kMissing;  // kFound, kMissing, kNeedsTime or kWouldBlock
  // When it is kFound:
  Slice value;              // without its expiry
  uint64_t expires_at = 0;  // 0: never
};

// Of a decided lookup. A value too short for its expiry is damage: kCorruption.
inline Status Decide(const LookupResult& result, uint64_t now_ms, Finding* finding) {
  *finding = Finding();
  if (result.state != LookupResult::State::kFound) return Status::Ok();
  finding->value = result.value;
  if (result.kind == Kind::kPutExpiring) {
    if (result.value.size() < 8) return Status::Corruption("an expiring entry has no expiry");
    finding->expires_at = DecodeFixed64(result.value.data());
    finding->value.remove_prefix(8);
    if (now_ms == 0) finding->answer = kNeedsTime;
    if (now_ms == 0 || finding->expires_at <= now_ms) return Status::Ok();
  }
  finding->answer = kFound;
  return Status::Ok();
}

}  // namespace varve::binding
