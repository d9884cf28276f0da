// TableReader::Verify: reads the file anew from its first byte to its last.
#include <algorithm>
#include <cstring>
#include <utility>

#include "core/coding.h"
#include "core/hash.h"
#include "core/table_reader.h"

namespace varve {

class TableVerifier {
 public:
  TableVerifier(const TableReader& table, const std::atomic<bool>* cancelled,
                std::atomic<uint64_t>* bytes_done)
      : table_(table), index_(table.index_), cancelled_(cancelled), bytes_done_(bytes_done) {}

  Status Run() {
    VARVE_TRY(CheckOuter());
    VARVE_TRY(CheckSections());
    for (uint32_t first = 0; first < index_.blocks();) {
      uint32_t end = first;
      VARVE_TRY(ReadBatch(first, &end));
      for (; first < end; ++first) {
        VARVE_TRY(CheckBlock(first).At(table_.path_, index_.block_offset(first)));
      }
    }
    CountRanges();
    return CheckProperties().InFile(table_.path_);
  }

 private:
  static constexpr uint64_t kBatchBytes = 256 << 10;

  bool IsCancelled() const {
    return cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed);
  }
  void Done(uint64_t bytes) {
    if (bytes_done_ != nullptr) bytes_done_->fetch_add(bytes, std::memory_order_relaxed);
  }

  Status CheckOuter() {
    TableLayout layout;
    VARVE_TRY(ReadTableLayout(*table_.file_, table_.id_, &layout));
    if (layout.file_bytes != table_.layout_.file_bytes ||
        layout.directory_offset != table_.layout_.directory_offset ||
        layout.data_end() != table_.layout_.data_end()) {
      return Status::Corruption("the table changed since it was opened").InFile(table_.path_);
    }
    Done(kTableHeaderBytes + kTableFooterBytes + layout.directory_size + kTableChecksumBytes);
    return Status::Ok();
  }

  // What the table holds in memory was verified when it was opened: the disk is asked again.
  Status CheckSections() {
    for (size_t i = 0; i < table_.layout_.sections.size(); ++i) {
      if (IsCancelled()) return Status::Aborted();
      AlignedBytes bytes;
      VARVE_TRY(ReadTableSection(*table_.file_, table_.seed_, table_.layout_, static_cast<int>(i),
                                 0, &bytes));
      Done(table_.layout_.sections[i].size + kTableChecksumBytes);
    }
    const int index = table_.layout_.Find("index");
    return index_.Check().At(table_.path_,
                             table_.layout_.sections[static_cast<size_t>(index)].offset);
  }

  Status ReadBatch(uint32_t first, uint32_t* end) {
    if (IsCancelled()) return Status::Aborted();
    batch_offset_ = index_.block_offset(first);
    *end = first + 1;
    while (*end < index_.blocks() && index_.block_offset(*end + 1) - batch_offset_ <= kBatchBytes) {
      ++*end;
    }
    const size_t size = index_.block_offset(*end) - batch_offset_;
    if (size > capacity_) {
      batch_ = std::make_unique_for_overwrite<char[]>(size);
      capacity_ = size;
    }
    VARVE_TRY(table_.ReadRange(batch_offset_, size, ReadTier::kMayBlock, batch_.get()));
    Done(size);
    return Status::Ok();
  }

  Status CheckBlock(uint32_t number) {
    const size_t size = index_.block_bytes(number);
    auto bytes = std::make_unique_for_overwrite<char[]>(size);
    std::memcpy(bytes.get(), batch_.get() + (index_.block_offset(number) - batch_offset_), size);
    Block block;
    VARVE_TRY(table_.AdoptBlock(number, std::move(bytes), &block));
    BlockWalker walker;
    walker.Attach(&block);
    bool first = true;
    for (walker.SeekToFirst(); walker.valid(); walker.Next()) {
      if (first && number > 0 &&
          CompareEntries(index_.separator_key(number - 1), index_.separator_trailer(number - 1),
                         walker.key(), walker.trailer()) >= 0) {
        return Status::Corruption("a block's first entry is not above the separator");
      }
      first = false;
      VARVE_TRY(CheckEntry(walker));
      VARVE_TRY(CheckHashIndex(block, walker));
    }
    if (walker.damaged() || first) return table_.DamagedBlock(number);
    if (CompareEntries(last_key_, last_trailer_, index_.separator_key(number),
                       index_.separator_trailer(number)) > 0) {
      return Status::Corruption("a block's last entry is above its separator");
    }
    return Status::Ok();
  }

  Status CheckEntry(const BlockWalker& entry) {
    if (seen_.entries > 0 &&
        CompareEntries(last_key_, last_trailer_, entry.key(), entry.trailer()) >= 0) {
      return Status::Corruption("entries are out of order");
    }
    const Kind kind = TrailerKind(entry.trailer());
    if (!IsKnownKind(static_cast<uint8_t>(kind)) || kind == Kind::kRangeTombstone) {
      return Status::Corruption("an entry is of no known kind");
    }
    if (!table_.filter_.MayContain(Hash64(entry.key()))) {
      return Status::Corruption("the filter denies a key");
    }
    CountSequence(TrailerSequence(entry.trailer()));
    if (seen_.entries++ == 0) seen_.key_first.assign(entry.key());
    seen_.key_bytes += entry.key().size();
    seen_.value_bytes += entry.value().size();
    if (IsTombstone(kind)) ++seen_.tombstones;
    if (kind == Kind::kPutExpiring) {
      if (entry.value().size() < sizeof(uint64_t)) {
        return Status::Corruption("an expiring entry without its time");
      }
      const uint64_t expires = DecodeFixed64(entry.value().data());
      seen_.expires_first_ms =
          seen_.expiring == 0 ? expires : std::min(seen_.expires_first_ms, expires);
      seen_.expires_last_ms = std::max(seen_.expires_last_ms, expires);
      ++seen_.expiring;
    }
    last_key_.assign(entry.key());
    last_trailer_ = entry.trailer();
    return Status::Ok();
  }

  static Status CheckHashIndex(const Block& block, const BlockWalker& entry) {
    uint64_t trailer;
    Slice value;
    const Block::Found found =
        block.Get(entry.key(), Hash64(entry.key()), entry.trailer(), &trailer, &value);
    if (found != Block::Found::kFound || trailer != entry.trailer()) {
      return Status::Corruption("a block does not find an entry it has");
    }
    return Status::Ok();
  }

  void CountSequence(Sequence sequence) {
    const bool first = seen_.entries == 0 && seen_.range_tombstones == 0;
    seen_.sequence_first = first ? sequence : std::min(seen_.sequence_first, sequence);
    seen_.sequence_last = std::max(seen_.sequence_last, sequence);
  }

  void CountRanges() {
    if (seen_.entries > 0) seen_.key_last = last_key_;
    for (const auto& fragment : table_.range_tombstones_.fragments()) {
      const bool none = seen_.entries == 0 && seen_.range_tombstones == 0;
      if (none || fragment.start < seen_.key_first) seen_.key_first = fragment.start;
      if (none || fragment.end > seen_.key_last) {
        seen_.key_last = fragment.end;
        seen_.bound_is_range_end = 1;
      }
      for (size_t i = 0; i < fragment.count(); ++i) {
        CountSequence(fragment.sequence(i));
        ++seen_.range_tombstones;
      }
    }
  }

  // Field by field, in the words of the encoding; what entries cannot tell is taken as it is.
  Status CheckProperties() {
    const TableProperties& kept = table_.properties_;
    const auto bytes_of = [this](Slice name) {
      const int number = table_.layout_.Find(name);
      return number < 0 ? 0 : table_.layout_.sections[static_cast<size_t>(number)].size;
    };
    seen_.snapshot_sequence_last = kept.snapshot_sequence_last;
    seen_.data_bytes = table_.layout_.data_end() - kTableHeaderBytes;
    seen_.index_bytes = bytes_of("index");
    seen_.filter_bytes = bytes_of("filter");
    seen_.file_bytes = table_.layout_.file_bytes;
    seen_.blocks = index_.blocks();
    if (EncodeProperties(seen_) == EncodeProperties(kept)) return Status::Ok();
    const int section = table_.layout_.Find("props");
    return Status::Corruption("the table's properties are not what it holds")
        .At(table_.path_, table_.layout_.sections[static_cast<size_t>(section)].offset);
  }

  const TableReader& table_;
  const TableIndex& index_;
  const std::atomic<bool>* const cancelled_;
  std::atomic<uint64_t>* const bytes_done_;
  uint64_t batch_offset_ = 0;
  std::unique_ptr<char[]> batch_;
  size_t capacity_ = 0;
  TableProperties seen_;
  std::string last_key_;
  uint64_t last_trailer_ = 0;
};

Status TableReader::Verify(const std::atomic<bool>* cancelled,
                           std::atomic<uint64_t>* bytes_done) const {
  return TableVerifier(*this, cancelled, bytes_done).Run();
}

}  // namespace varve
