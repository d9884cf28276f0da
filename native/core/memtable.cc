#include "core/memtable.h"

#include <algorithm>

#include "core/coding.h"
#include "core/hash.h"
#include "core/memtable_cursor.h"

namespace varve {
namespace {

constexpr size_t kKeyBytesMax = 65535 + kVarint64BytesMax;  // a space id, then the user's key
constexpr size_t kValueBytesMax = size_t{1} << 30;
// Versions of a key stepped over before a search is cheaper.
constexpr int kVersionsWalked = 8;

// Only the writer counts, so no read-modify-write is needed.
void Increment(std::atomic<uint64_t>* count) {
  count->store(count->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

Memtable::Memtable(size_t bytes_expected, Slice common)
    : list_(&arena_, common), index_(bytes_expected) {}

Memtable::~Memtable() = default;

Status Memtable::Add(Sequence sequence, Kind kind, Slice key, Slice value, uint64_t expires_at) {
  const uint64_t hash = Hash64(key);
  index_.Prefetch(hash);
  if (key.size() > kKeyBytesMax) return Status(Code::kTooLarge, "the key is too large");
  if (value.size() > kValueBytesMax) return Status(Code::kTooLarge, "the value is too large");
  char expiry[8];
  EncodeFixed64(expiry, expires_at);
  const Slice head = kind == Kind::kPutExpiring ? Slice(expiry, sizeof(expiry)) : Slice();
  const SkipList::Node* node = list_.Insert(key, PackTrailer(sequence, kind), head, value);
  if (node == nullptr) return Status(Code::kIoError, "the system has no memory for the entry");
  index_.Put(hash, node);
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
  ranges_.Add(start, end, sequence);
  has_ranges_.store(true, std::memory_order_release);
  return Status::Ok();
}

const SkipList::Node* Memtable::Find(const LookupKey& key) const {
  const SkipList::Node* node = index_.Find(key.key, key.hash);
  if (node == nullptr && index_.complete()) return nullptr;
  for (int walked = 0; node != nullptr && walked < kVersionsWalked; ++walked) {
    if (TrailerSequence(node->trailer) <= key.sequence) return node;
    node = SkipList::Next(node);
    if (node == nullptr || node->key() != key.key) return nullptr;
  }
  node = list_.SeekAtOrAfter(key.key, SeekTrailer(key.sequence));
  return node != nullptr && node->key() == key.key ? node : nullptr;
}

void Memtable::Get(const LookupKey& key, LookupResult* result) const {
  if (has_range_tombstones()) {
    result->covering = std::max(result->covering, ranges_.Covering(key.key, key.sequence));
  }
  const SkipList::Node* node = Find(key);
  if (node != nullptr) result->Decide(node->trailer, node->value());
}

std::unique_ptr<Cursor> Memtable::NewCursor() const {
  return std::make_unique<MemtableCursor>(&list_);
}

std::shared_ptr<const RangeTombstones> Memtable::range_tombstones() const {
  return ranges_.List();
}

size_t Memtable::bytes() const {
  return arena_.bytes_reserved() + index_.bytes() + ranges_.bytes();
}

std::string Memtable::CommonStart() const {
  const SkipList::Node* first = list_.First();
  const SkipList::Node* last = list_.Last();
  if (first == nullptr || last == nullptr) return std::string();
  const Slice low = first->key(), high = last->key();
  const auto differ = std::mismatch(low.begin(), low.end(), high.begin(), high.end());
  return std::string(low.begin(), differ.first);
}

}  // namespace varve
