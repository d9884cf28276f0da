// What a lookup asks of each source of a view, and what a source answers.
#pragma once

#include "core/cache.h"
#include "core/format.h"

namespace varve {

struct LookupResult {
  enum class State : uint8_t {
    kMissing,  // no source so far has the key
    kFound,    // kind, sequence and value say what it holds
    kDeleted,  // a tombstone or a covering range tombstone hides it
  };
  State state = State::kMissing;
  Kind kind = Kind::kPut;
  Sequence sequence = 0;
  // In and out: the newest visible range tombstone met so far that covers the key.
  Sequence covering = 0;
  Slice value;   // as stored: the expiry comes first when kind is kPutExpiring
  BlockPin pin;  // keeps `value` readable when it lies in a block

  // A source found (trailer, value): applies tombstones. Always decides.
  void Decide(uint64_t trailer, Slice found) {
    sequence = TrailerSequence(trailer);
    kind = TrailerKind(trailer);
    const bool hidden = covering > sequence || IsTombstone(kind);
    state = hidden ? State::kDeleted : State::kFound;
    value = hidden ? Slice() : found;
  }
  bool decided() const { return state != State::kMissing; }
  // A source was asked; those behind it hold older entries only, which what covers the key covers.
  // Whether that decides the result.
  bool Conclude() {
    if (state == State::kMissing && covering != 0) state = State::kDeleted;
    return decided();
  }
};

}  // namespace varve
