#include "core/table_reader.h"

#include <algorithm>
#include <utility>

#include "core/coding.h"

namespace varve {
namespace {

constexpr size_t kFilterLead = 8;  // so that its lines lie on cache lines

void Increment(std::atomic<uint64_t>* counter, uint64_t by = 1) {
  counter->fetch_add(by, std::memory_order_relaxed);
}

bool IsKnownSection(Slice name) {
  return name == "index" || name == "filter" || name == "ranges" || name == "props";
}

}  // namespace

TableReader::TableReader(Key, std::string path, uint64_t number, const FileId& id)
    : path_(std::move(path)), number_(number), id_(id), seed_(id) {}

TableReader::~TableReader() = default;

Status TableReader::Open(FileSystem* fs, const std::string& path, uint64_t number, const FileId& id,
                         std::shared_ptr<BlockCache> cache, std::shared_ptr<ReadCounters> counters,
                         std::shared_ptr<TableReader>* table) {
  auto opened = std::make_shared<TableReader>(Key{}, path, number, id);
  VARVE_TRY(fs->Open(path, OpenMode::kRead, &opened->file_));
  opened->counters_ = counters ? std::move(counters) : std::make_shared<ReadCounters>();
  Status loaded = opened->Load(std::move(cache));
  VARVE_TRY(loaded.InFile(path));
  *table = std::move(opened);
  return Status::Ok();
}

Status TableReader::Load(std::shared_ptr<BlockCache> cache) {
  VARVE_TRY(ReadTableLayout(*file_, id_, &layout_));
  for (const TableSection& section : layout_.sections) {
    if ((section.flags & kSectionRequired) == 0 || IsKnownSection(section.name)) continue;
    return Status::Unsupported("a table needs section \"" + section.name + "\"")
        .At(path_, layout_.directory_offset);
  }
  VARVE_TRY(LoadSections());
  cache_ = std::move(cache);
  slots_ = std::make_unique<BlockSlots>(cache_.get(), number_, index_.blocks());
  return Status::Ok();
}

Status TableReader::LoadSections() {
  const int index = layout_.Find("index"), properties = layout_.Find("props");
  if (index < 0 || properties < 0) {
    return Status::Corruption("a table without index or properties")
        .At(path_, layout_.directory_offset);
  }
  const auto section = [this](int number) -> const TableSection& {
    return layout_.sections[static_cast<size_t>(number)];
  };
  VARVE_TRY(ReadTableSection(*file_, seed_, layout_, index, 0, &index_bytes_));
  VARVE_TRY(TableIndex::Parse(index_bytes_.bytes(section(index).size), kTableHeaderBytes,
                              layout_.data_end(), &index_)
                .At(path_, section(index).offset));
  AlignedBytes bytes;
  VARVE_TRY(ReadTableSection(*file_, seed_, layout_, properties, 0, &bytes));
  VARVE_TRY(DecodeProperties(bytes.bytes(section(properties).size), &properties_)
                .At(path_, section(properties).offset));
  if (const int ranges = layout_.Find("ranges"); ranges >= 0) VARVE_TRY(LoadRanges(ranges));
  if (const int filter = layout_.Find("filter"); filter >= 0) VARVE_TRY(LoadFilter(filter));
  return Status::Ok();
}

Status TableReader::LoadFilter(int number) {
  const TableSection& section = layout_.sections[static_cast<size_t>(number)];
  VARVE_TRY(ReadTableSection(*file_, seed_, layout_, number, kFilterLead, &filter_bytes_));
  has_filter_ = section.size > 0;
  return Filter::Parse(filter_bytes_.bytes(section.size), &filter_).At(path_, section.offset);
}

Status TableReader::LoadRanges(int number) {
  const TableSection& section = layout_.sections[static_cast<size_t>(number)];
  AlignedBytes bytes;
  VARVE_TRY(ReadTableSection(*file_, seed_, layout_, number, 0, &bytes));
  return RangeTombstones::Decode(bytes.bytes(section.size), &range_tombstones_)
      .At(path_, section.offset);
}

bool TableReader::MayHold(const LookupKey& key, LookupResult* result) const {
  if (!range_tombstones_.empty()) {
    result->covering =
        std::max(result->covering, range_tombstones_.Covering(key.key, key.sequence));
  }
  if (!has_filter_) return true;
  Increment(&counters_->filter_checks);
  if (filter_.MayContain(key.hash)) return true;
  Increment(&counters_->filter_negatives);
  return false;
}

Status TableReader::Get(const LookupKey& key, ReadTier tier, LookupResult* result) const {
  if (!MayHold(key, result)) return Status::Ok();
  const uint32_t block = index_.Find(key.key, SeekTrailer(key.sequence));
  return GetFrom(block, BlockPin(), key, tier, result);
}

Status TableReader::GetFrom(uint32_t block, BlockPin pin, const LookupKey& key, ReadTier tier,
                            LookupResult* result) const {
  const uint64_t seek = SeekTrailer(key.sequence);
  for (uint32_t at = block; at < index_.blocks(); ++at, pin.Release()) {
    if (!pin) VARVE_TRY(ReadBlock(at, tier, CacheFill::kAlways, &pin));
    uint64_t trailer;
    Slice value;
    const Block::Found found = pin.get()->Get(key.key, key.hash, seek, &trailer, &value);
    if (found == Block::Found::kDamaged) return DamagedBlock(at);
    if (found == Block::Found::kFound) {
      result->Decide(trailer, value);
      result->pin = std::move(pin);
      return Status::Ok();
    }
    // Only below a separator of its own does a key go on in the next block.
    if (found == Block::Found::kAbsent || index_.separator_key(at) != key.key) break;
  }
  if (has_filter_) Increment(&counters_->filter_false_positives);
  return Status::Ok();
}

Status TableReader::ReadBlock(uint32_t block, ReadTier tier, CacheFill fill, BlockPin* pin) const {
  *pin = slots_->Find(block);
  if (*pin) return Status::Ok();
  if (tier == ReadTier::kCacheOnly) {
    Increment(&counters_->would_block);
    return Status::WouldBlock();
  }
  const size_t size = index_.block_bytes(block);
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  VARVE_TRY(ReadRange(index_.block_offset(block), size, tier, bytes.get()));
  Increment(tier == ReadTier::kNoWait ? &counters_->blocks_from_page_cache
                                      : &counters_->blocks_from_disk);
  Block parsed;
  VARVE_TRY(AdoptBlock(block, std::move(bytes), &parsed));
  *pin = slots_->Insert(block, std::move(parsed), fill);
  return Status::Ok();
}

Status TableReader::ReadRange(uint64_t offset, size_t size, ReadTier tier, char* to) const {
  size_t read = 0;
  Status status = tier == ReadTier::kNoWait ? file_->ReadAtNoWait(offset, size, to, &read)
                                            : file_->ReadAt(offset, size, to, &read);
  if (status.IsWouldBlock()) {
    Increment(&counters_->would_block);
    return status;
  }
  if (status.ok() && read != size) status = Status::Corruption("the table is cut short");
  if (!status.ok()) return status.At(path_, offset);
  Increment(&counters_->block_bytes_read, size);
  return status;
}

Status TableReader::AdoptBlock(uint32_t block, std::unique_ptr<char[]> bytes, Block* parsed) const {
  const uint64_t offset = index_.block_offset(block);
  const size_t size = index_.block_bytes(block) - kTableChecksumBytes;
  const uint32_t checksum =
      seed_.Of(static_cast<uint8_t>(TablePart::kBlock), offset, bytes.get(), size);
  if (checksum != DecodeFixed32(bytes.get() + size)) {
    return Status::Corruption("bad checksum of a block").At(path_, offset);
  }
  if (bytes[size - 1] != 0) {
    return Status::Unsupported("a block's compression is not known").At(path_, offset);
  }
  return Block::Parse(std::move(bytes), size - 1, parsed).At(path_, offset);
}

Status TableReader::DamagedBlock(uint32_t block) const {
  return Status::Corruption("a block is malformed").At(path_, index_.block_offset(block));
}

size_t TableReader::pinned_bytes() const {
  return properties_.index_bytes + properties_.filter_bytes + range_tombstones_.bytes() +
         (cache_ == nullptr ? 0 : index_.blocks() * sizeof(void*));
}

uint64_t TableReader::ApproximateOffset(Slice key) const {
  return index_.block_offset(index_.Find(key, kTrailerFirst)) - kTableHeaderBytes;
}

}  // namespace varve
