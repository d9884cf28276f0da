#include "core/scan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/coding.h"
#include "core/covering.h"
#include "core/scan_sources.h"

namespace varve {
namespace {

constexpr uint64_t kVisitsMax = 20000;  // of one Fill
constexpr int kStepsBeforeSeek = 32;    // over versions of one key
constexpr size_t kExpiryBytes = 8;

enum class Found : uint8_t { kEntry, kEnd, kPaused, kFailed };

bool AllAscii(const char* bytes, size_t size) {
  uint64_t high = 0;
  size_t at = 0;
  for (; at + 8 <= size; at += 8) high |= DecodeFixed64(bytes + at);
  for (; at < size; ++at) high |= static_cast<uint64_t>(bytes[at] & 0x80);
  return (high & 0x8080808080808080) == 0;
}

bool LayDown(Slice bytes, char* to, size_t capacity, size_t* used) {
  if (capacity == 0) return true;
  if (bytes.size() > capacity - *used) return false;
  if (!bytes.empty()) std::memcpy(to + *used, bytes.data(), bytes.size());
  *used += bytes.size();
  return true;
}

// False: no room, and nothing changed that counts.
bool Put(Slice key, Slice value, ScanPage* page) {
  if (page->entries == page->entries_max) return false;
  const size_t keys_bytes = page->keys_bytes;
  if (!LayDown(key, page->keys, page->keys_capacity, &page->keys_bytes)) return false;
  if (!LayDown(value, page->values, page->values_capacity, &page->values_bytes)) {
    page->keys_bytes = keys_bytes;
    return false;
  }
  page->sizes[2 * page->entries] = static_cast<uint32_t>(key.size());
  page->sizes[2 * page->entries + 1] = static_cast<uint32_t>(value.size());
  page->entries += 1;
  return true;
}

}  // namespace

// Invariant: what was passed for good lies before the position, which is (key_, trailer_) going
// forward, inclusive, and key_, exclusive, in reverse. From there the scan can go on at any time.
struct Scan::Impl {
  Impl(std::shared_ptr<const View> view, ScanOptions scan_options)
      : options(std::move(scan_options)), sources(std::move(view)) {
    Place(options.reverse ? options.end : options.start);
  }

  void Place(Slice key) {
    key_.assign(key);
    trailer_ = kTrailerFirst;
    pending_ = false;
    standing_ = false;
  }

  // Makes the cursor stand at the position.
  void Stand(ReadTier tier) {
    if (!sources.opened()) {
      sources.Open(options);
      standing_ = false;
    }
    Cursor* const cursor = sources.cursor();
    cursor->set_tier(tier);
    if (!standing_) SeekPosition();
    standing_ = true;
  }
  void SeekPosition() {
    run_ = 0;
    if (options.reverse) {
      sources.cursor()->SeekBefore(key_);
    } else {
      sources.cursor()->Seek(key_, trailer_);
    }
  }

  // Goes on to the next entry to give out; takes what it visits from *visits.
  Found Find(uint64_t* visits) {
    const Found found = options.reverse ? FindBackward(visits) : FindForward(visits);
    if (found == Found::kFailed) standing_ = false;
    return found;
  }
  Found FindForward(uint64_t* visits);
  Found FindBackward(uint64_t* visits);
  void StepOverVersion(bool same_key);
  bool CollectVersions();
  bool Visible(Slice key, uint64_t trailer, Slice* value);
  // The cursor or a value that is malformed.
  Status TakeStatus() {
    Status status = damage_.ok() ? sources.cursor()->status() : damage_;
    damage_ = Status();
    return status;
  }

  // The entry found; readable until Pass.
  Slice found_key() const { return options.reverse ? Slice(key_) : sources.cursor()->key(); }
  Sequence found_sequence() const {
    return options.reverse ? TrailerSequence(newest_trailer_) : sources.cursor()->sequence();
  }
  void Pass() {
    pending_ = false;
    if (options.reverse) return;
    key_.assign(sources.cursor()->key());
    trailer_ = kTrailerLast;
    run_ = 0;
    sources.cursor()->Next();
  }

  Status Fill(ReadTier tier, ScanPage* page);

  const ScanOptions options;
  ScanSources sources;
  Slice found_value;

 private:
  std::string key_;
  uint64_t trailer_ = kTrailerFirst;
  bool standing_ = false;  // the cursor stands at the position
  bool pending_ = false;   // reverse: key_ and newest_ are an entry still to be given out
  int run_ = 0;            // forward: versions of one key stepped over in a row
  std::string group_, newest_;
  uint64_t newest_trailer_ = 0;
  Status damage_;
};

// Whether the newest version a reader may see is there to be seen. *value loses its expiry.
bool Scan::Impl::Visible(Slice key, uint64_t trailer, Slice* value) {
  const Kind kind = TrailerKind(trailer);
  if (IsTombstone(kind)) return false;
  if (sources.covering()->At(key) > TrailerSequence(trailer)) return false;
  if (kind != Kind::kPutExpiring) return true;
  if (value->size() < kExpiryBytes) {
    damage_ = Status::Corruption("an expiring value is too short for its expiry");
    return false;
  }
  const uint64_t expires_at = DecodeFixed64(value->data());
  value->remove_prefix(kExpiryBytes);
  return expires_at > options.now_ms;
}

// The cursor's entry is done with. Many versions of one key are leapt over.
void Scan::Impl::StepOverVersion(bool same_key) {
  run_ = same_key ? run_ + 1 : 0;
  if (run_ < kStepsBeforeSeek) return sources.cursor()->Next();
  trailer_ = std::min(trailer_, SeekTrailer(options.sequence));
  SeekPosition();
}

Found Scan::Impl::FindForward(uint64_t* visits) {
  Cursor* const cursor = sources.cursor();
  while (cursor->valid()) {
    const Slice key = cursor->key();
    const uint64_t trailer = cursor->trailer();
    if (key >= Slice(options.end)) return Found::kEnd;
    if (*visits == 0) return Found::kPaused;
    *visits -= 1;
    // Below the position: an older version, or an entry that a memtable's walk shows twice.
    const int order = key.compare(key_);
    if (order < 0 || (order == 0 && trailer > trailer_)) {
      StepOverVersion(true);
    } else if (TrailerSequence(trailer) > options.sequence) {
      if (order != 0) key_.assign(key);
      trailer_ = trailer - 1;
      StepOverVersion(order == 0);
    } else {
      found_value = cursor->value();
      if (Visible(key, trailer, &found_value)) return Found::kEntry;
      if (!damage_.ok()) return Found::kFailed;
      Pass();
    }
  }
  return cursor->status().ok() ? Found::kEnd : Found::kFailed;
}

// Reads all versions of the cursor's key into group_ and, the newest that may be seen, newest_.
// False: the cursor failed on the way.
bool Scan::Impl::CollectVersions() {
  Cursor* const cursor = sources.cursor();
  group_.assign(cursor->key());
  newest_trailer_ = 0;
  for (; cursor->valid() && cursor->key() == Slice(group_); cursor->Prev()) {
    if (cursor->sequence() > options.sequence || cursor->trailer() < newest_trailer_) continue;
    newest_trailer_ = cursor->trailer();
    newest_.assign(cursor->value());
  }
  return cursor->status().ok();
}

Found Scan::Impl::FindBackward(uint64_t* visits) {
  Cursor* const cursor = sources.cursor();
  found_value = newest_;
  if (pending_) {
    const bool expires = TrailerKind(newest_trailer_) == Kind::kPutExpiring;
    if (expires) found_value.remove_prefix(kExpiryBytes);
    return Found::kEntry;
  }
  while (cursor->valid()) {
    if (cursor->key() < Slice(options.start)) return Found::kEnd;
    if (*visits == 0) return Found::kPaused;
    *visits -= 1;
    if (!CollectVersions()) return Found::kFailed;
    found_value = newest_;
    pending_ = newest_trailer_ != 0 && Visible(group_, newest_trailer_, &found_value);
    if (!damage_.ok()) return Found::kFailed;
    key_.swap(group_);
    if (pending_) return Found::kEntry;
  }
  return cursor->status().ok() ? Found::kEnd : Found::kFailed;
}

Status Scan::Impl::Fill(ReadTier tier, ScanPage* page) {
  Stand(tier);
  for (uint64_t visits = kVisitsMax;;) {
    const Found found = Find(&visits);
    if (found == Found::kFailed) {
      Status status = TakeStatus();
      return page->entries > 0 && !status.IsWouldBlock() ? Status::Ok() : status;
    }
    page->done = found == Found::kEnd;
    if (found != Found::kEntry) return Status::Ok();
    Slice key = found_key();
    key.remove_prefix(std::min(options.strip, key.size()));
    if (!Put(key, found_value, page)) {
      page->next_key_bytes = page->entries == 0 ? key.size() : 0;
      page->next_value_bytes = page->entries == 0 ? found_value.size() : 0;
      return Status::Ok();
    }
    Pass();
  }
}

Scan::Scan(std::shared_ptr<const View> view, ScanOptions options)
    : impl_(std::make_unique<Impl>(std::move(view), std::move(options))) {}

Scan::~Scan() = default;

Status Scan::Fill(ReadTier tier, ScanPage* page) {
  page->entries = page->keys_bytes = page->values_bytes = 0;
  page->next_key_bytes = page->next_value_bytes = 0;
  page->done = false;
  Status status = impl_->Fill(tier, page);
  page->keys_ascii = AllAscii(page->keys, page->keys_bytes);
  page->values_ascii = AllAscii(page->values, page->values_bytes);
  return status;
}

void Scan::Seek(Slice key) {
  const ScanOptions& options = impl_->options;
  if (options.reverse) {
    std::string after(key);
    after.push_back('\0');
    impl_->Place(std::min(Slice(after), Slice(options.end)));
  } else {
    impl_->Place(std::max(key, Slice(options.start)));
  }
}

void Scan::Refresh(std::shared_ptr<const View> view) { impl_->sources.Reset(std::move(view)); }

Status Scan::Count(ReadTier tier, uint64_t entries_max, ScanCount* count) {
  *count = ScanCount();
  impl_->Stand(tier);
  for (uint64_t visits = kVisitsMax; count->entries < entries_max;) {
    const Found found = impl_->Find(&visits);
    if (found == Found::kFailed) return impl_->TakeStatus();
    count->done = found == Found::kEnd;
    if (found != Found::kEntry) break;
    count->entries += 1;
    count->sequence_last = std::max(count->sequence_last, impl_->found_sequence());
    impl_->Pass();
  }
  return Status::Ok();
}

}  // namespace varve
