#include "core/memtable.h"

#include <algorithm>
#include <cstring>

#include "core/coding.h"
#include "core/hash.h"
#include "core/memtable_cursor.h"

namespace varve {
namespace {

constexpr size_t kKeyBytesMax = 65535 + kVarint64BytesMax;  // a space id, then the user's key
constexpr size_t kValueBytesMax = size_t{1} << 30;
constexpr size_t kArenaBlockBytesMin = 2 << 10, kArenaBlockBytesMax = 256 << 10;

// Only the writer counts, so no read-modify-write is needed.
void Increment(std::atomic<uint64_t>* count) {
  count->store(count->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// A block is counted as a whole, so it must be small beside what the memtable may hold: else
// a small one would be full with its first entry.
size_t ArenaBlockBytes(size_t bytes_expected) {
  return std::clamp(bytes_expected / 16, kArenaBlockBytesMin, kArenaBlockBytesMax);
}

}  // namespace

Memtable::Memtable(size_t bytes_expected)
    : arena_(ArenaBlockBytes(bytes_expected)), tree_(&arena_), index_(bytes_expected) {}

Memtable::~Memtable() = default;

Status Memtable::Add(Sequence sequence, Kind kind, Slice key, Slice value, uint64_t expires_at) {
  const uint64_t hash = Hash64(key);
  index_.Prefetch(hash);
  if (key.size() > kKeyBytesMax) return Status(Code::kTooLarge, "the key is too large");
  if (value.size() > kValueBytesMax) return Status(Code::kTooLarge, "the value is too large");
  char expiry[8];
  EncodeFixed64(expiry, expires_at);
  const Slice head = kind == Kind::kPutExpiring ? Slice(expiry, sizeof(expiry)) : Slice();
  const EntryTree::Entry* entry = tree_.Insert(key, PackTrailer(sequence, kind), head, value);
  if (entry == nullptr) return Status(Code::kIoError, "the system has no memory for the entry");
  index_.Put(hash, entry);
  if (sequence > sequence_last()) sequence_last_.store(sequence, std::memory_order_release);
  Increment(&entries_);
  if (IsTombstone(kind)) Increment(&tombstones_);
  if (kind == Kind::kPutExpiring) Increment(&expiring_);
  return Status::Ok();
}

Status Memtable::AddRange(Sequence sequence, Slice start, Slice end) {
  if (start.size() > kKeyBytesMax || end.size() > kKeyBytesMax) {
    return Status(Code::kTooLarge, "a bound of the range tombstone is too large");
  }
  if (start >= end) return Status::Ok();
  char* const keys = arena_.Allocate(start.size() + end.size());
  if (keys == nullptr) return Status(Code::kIoError, "the system has no memory for the range");
  if (!start.empty()) std::memcpy(keys, start.data(), start.size());
  std::memcpy(keys + start.size(), end.data(), end.size());
  ranges_.Add({Slice(keys, start.size()), Slice(keys + start.size(), end.size()), sequence});
  return Status::Ok();
}

const EntryTree::Entry* Memtable::Find(const LookupKey& key) const {
  const EntryTree::Entry* entry = index_.Find(key.key, key.hash);
  if (entry == nullptr && index_.complete()) return nullptr;
  if (entry != nullptr && TrailerSequence(entry->trailer) <= key.sequence) return entry;
  entry = tree_.SeekAtOrAfter(key.key, SeekTrailer(key.sequence));
  return entry != nullptr && entry->key() == key.key ? entry : nullptr;
}

void Memtable::Get(const LookupKey& key, LookupResult* result) const {
  if (!ranges_.empty()) {
    result->covering = std::max(result->covering, ranges_.Covering(key.key, key.sequence));
  }
  const EntryTree::Entry* entry = Find(key);
  if (entry != nullptr) result->Decide(entry->trailer, entry->value());
}

std::unique_ptr<Cursor> Memtable::NewCursor() const {
  return std::make_unique<MemtableCursor>(&tree_);
}

size_t Memtable::bytes() const {
  return arena_.bytes_reserved() + index_.bytes() + ranges_.bytes();
}

}  // namespace varve
