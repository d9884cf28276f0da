// Operations of a batches payload: read one after the other, applied to a memtable.
//
// A payload is read front to back by an OperationReader, which may stop at any operation and go on
// later: a large batch is applied in slices.
#pragma once

#include "core/coding.h"
#include "core/format.h"
#include "core/memtable.h"
#include "core/status.h"
#include "core/wal_format.h"

namespace varve {

struct Operation {
  Kind kind = Kind::kPut;
  Slice key, value;         // value: of puts; of a range tombstone its end
  uint64_t expires_at = 0;  // of kPutExpiring and kExpire
};

class OperationReader {
 public:
  // REQUIRES: payload outlives the reader.
  explicit OperationReader(Slice payload)
      : begin_(payload.data()), at_(begin_), batch_end_(begin_), end_(begin_ + payload.size()) {}

  // False at the end and at bytes that are no operation; status() tells which.
  bool Next(Operation* operation);
  const Status& status() const { return status_; }  // kCorruption, kUnsupported, kTooLarge
  uint64_t read() const { return read_; }           // operations so far

 private:
  bool NextBatch();
  bool Fail(Code code, const char* message);

  const char* begin_;
  const char* at_;
  const char* batch_end_;
  const char* end_;
  uint32_t left_ = 0;  // operations of this batch
  uint64_t read_ = 0;
  Status status_;
};

// Reads the whole payload: what Append's `count` must be, or why it must not be logged.
Status CheckBatches(Slice payload, uint64_t* operations);

// Applies up to operations_max more operations: the reader's operation i gets first_sequence + i.
Status ApplyOperations(OperationReader* reader, Sequence first_sequence, uint64_t operations_max,
                       Memtable* memtable);

// All of a payload; kCorruption when it does not hold `count` operations. A null memtable: only
// checks.
Status ApplyBatches(Slice payload, Sequence first_sequence, uint64_t count, Memtable* memtable);

inline bool OperationReader::Next(Operation* operation) {
  while (left_ == 0) {
    if (at_ != batch_end_)
      return Fail(Code::kCorruption, "a batch has bytes after its last operation");
    if (at_ == end_ || !status_.ok()) return false;
    if (!NextBatch()) return false;
  }
  if (at_ == batch_end_) return Fail(Code::kCorruption, "a batch ends before its last operation");
  const uint8_t kind = static_cast<uint8_t>(*at_);
  if (!IsKnownKind(kind)) return Fail(Code::kUnsupported, "an operation is of an unknown kind");
  uint32_t size = 0;
  const char* at = GetVarint32(at_ + 1, batch_end_, &size);
  if (at == nullptr || size > static_cast<size_t>(batch_end_ - at)) {
    return Fail(Code::kCorruption, "the key of an operation goes beyond its batch");
  }
  if (size > kKeyBytesMax) return Fail(Code::kTooLarge, "a key is too long");
  operation->kind = static_cast<Kind>(kind);
  operation->key = Slice(at, size);
  operation->value = Slice();
  at += size;
  if (operation->kind == Kind::kPutExpiring || operation->kind == Kind::kExpire) {
    if (batch_end_ - at < 8) return Fail(Code::kCorruption, "an expiry goes beyond its batch");
    operation->expires_at = DecodeFixed64(at);
    at += 8;
  } else {
    operation->expires_at = 0;
  }
  if (!IsTombstone(operation->kind)) {
    at = GetVarint32(at, batch_end_, &size);
    if (at == nullptr || size > static_cast<size_t>(batch_end_ - at)) {
      return Fail(Code::kCorruption, "the value of an operation goes beyond its batch");
    }
    // What a memtable would refuse must not be logged.
    const bool is_range = operation->kind == Kind::kRangeTombstone;
    if (size > (is_range ? kKeyBytesMax : kValueBytesMax)) {
      return Fail(Code::kTooLarge,
                  is_range ? "the end of a range is too long" : "a value is too long");
    }
    operation->value = Slice(at, size);
    at += size;
  }
  at_ = at;
  --left_;
  ++read_;
  return true;
}

}  // namespace varve
