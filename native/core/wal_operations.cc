#include "core/wal_operations.h"

#include <string>

namespace varve {

bool OperationReader::NextBatch() {
  if (end_ - at_ < 8) return Fail(Code::kCorruption, "a batch ends within its header");
  const uint64_t bytes = DecodeFixed32(at_);
  const uint32_t operations = DecodeFixed32(at_ + 4);
  at_ += 8;
  batch_end_ = at_;
  if (bytes > static_cast<uint64_t>(end_ - at_)) {
    return Fail(Code::kCorruption, "a batch goes beyond its record");
  }
  batch_end_ = at_ + bytes;
  left_ = operations;
  return true;
}

bool OperationReader::Fail(Code code, const char* message) {
  if (status_.ok()) {
    status_ = Status(code, std::string(message) + ", at byte " + std::to_string(at_ - begin_) +
                               " of a record's payload");
  }
  left_ = 0;
  at_ = batch_end_ = end_;
  return false;
}

Status CheckBatches(Slice payload, uint64_t* operations) {
  OperationReader reader(payload);
  Operation operation;
  while (reader.Next(&operation)) {
  }
  *operations = reader.read();
  return reader.status();
}

Status ApplyOperations(OperationReader* reader, Sequence first_sequence, uint64_t operations_max,
                       Memtable* memtable) {
  Operation operation;
  for (uint64_t applied = 0; applied < operations_max; ++applied) {
    const Sequence sequence = first_sequence + reader->read();
    if (!reader->Next(&operation)) break;
    if (operation.kind == Kind::kRangeTombstone) {
      VARVE_TRY(memtable->AddRange(sequence, operation.key, operation.value));
    } else {
      VARVE_TRY(memtable->Add(sequence, operation.kind, operation.key, operation.value,
                              operation.expires_at));
    }
  }
  return reader->status();
}

Status ApplyBatches(Slice payload, Sequence first_sequence, uint64_t count, Memtable* memtable) {
  uint64_t operations = 0;
  if (memtable == nullptr) {
    VARVE_TRY(CheckBatches(payload, &operations));
  } else {
    OperationReader reader(payload);
    VARVE_TRY(ApplyOperations(&reader, first_sequence, ~uint64_t{0}, memtable));
    operations = reader.read();
  }
  if (operations == count) return Status::Ok();
  return Status::Corruption("a record holds " + std::to_string(operations) +
                            " operations; its header says " + std::to_string(count));
}

}  // namespace varve
