#include "core/table_parts.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/block_entry.h"
#include "core/coding.h"
#include "core/wal_format.h"

namespace varve {
namespace {

constexpr size_t kMagicBytes = 8;
constexpr size_t kHeaderIdAt = 16, kFooterIdAt = 24;
constexpr size_t kWindowBytes = 1 << 20;
// Of a block that is looked for behind a damaged one: the search takes so much for each place that
// looks like its start.
constexpr uint64_t kResyncBytesMax = 256 << 10;

constexpr uint8_t KindOf(TablePart part) { return static_cast<uint8_t>(part); }

// Whether `bytes` with the checksum behind them are whole under the id that they carry.
bool CarriesId(const char* bytes, size_t size, TablePart part, uint64_t offset, size_t id_at,
               FileId* id) {
  std::memcpy(id->data(), bytes + id_at, id->size());
  return crc32c::Seed(*id).Of(KindOf(part), offset, bytes, size) == DecodeFixed32(bytes + size);
}

// A bad sector may read at the second try.
Status ReadTwice(const File& file, uint64_t offset, size_t size, char* to, size_t* read) {
  Status status = file.ReadAt(offset, size, to, read);
  return status.ok() ? status : file.ReadAt(offset, size, to, read);
}

bool HeaderId(const File& file, FileId* id) {
  char header[kTableHeaderBytes];
  size_t read = 0;
  return ReadTwice(file, 0, sizeof(header), header, &read).ok() && read == sizeof(header) &&
         std::memcmp(header, kTableMagic, kMagicBytes) == 0 &&
         CarriesId(header, kTableHeaderBytes - kTableChecksumBytes, TablePart::kHeader, 0,
                   kHeaderIdAt, id);
}

bool FooterId(const File& file, FileId* id) {
  uint64_t size = 0;
  char footer[kTableFooterBytes];
  size_t read = 0;
  if (!file.Size(&size).ok() || size < sizeof(footer)) return false;
  const uint64_t at = size - sizeof(footer);
  return ReadTwice(file, at, sizeof(footer), footer, &read).ok() && read == sizeof(footer) &&
         CarriesId(footer, kTableFooterBytes - kMagicBytes - kTableChecksumBytes,
                   TablePart::kFooter, at, kFooterIdAt, id);
}

bool LooksLikeBlock(const char* at, size_t size) {
  if (size == 0 || *at != 0) return false;
  BlockEntry entry;
  if (DecodeEntry(at, at + size, &entry) == nullptr) return false;
  return entry.shared == 0 && entry.unshared <= kKeyBytesMax &&
         IsKnownKind(static_cast<uint8_t>(TrailerKind(entry.trailer)));
}

}  // namespace

Status IdentifyTable(const File& file, FileId* id) {
  if (HeaderId(file, id) || FooterId(file, id)) return Status::Ok();
  return Status::Corruption("neither header nor footer say which table this is").At(file.path(), 0);
}

Status TableParts::CheckIsOurs() const {
  FileId own;
  if (HeaderId(*file_, &own) && own == id_) return Status::Ok();
  if (FooterId(*file_, &own) && own == id_) return Status::Ok();
  // Neither is whole: the blocks' own checksums will tell.
  if (!IdentifyTable(*file_, &own).ok()) return Status::Ok();
  return Status::Corruption("the table has another identity").At(file_->path(), 0);
}

bool TableParts::ReadBytes(uint64_t offset, size_t size, char* to) const {
  size_t read = 0;
  return ReadTwice(*file_, offset, size, to, &read).ok() && read == size;
}

bool TableParts::Read(const Part& part, Block* block) const {
  const auto size = static_cast<size_t>(part.bytes);
  if (size <= kBlockTrailerBytes) return false;
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  if (!ReadBytes(part.offset, size, bytes.get())) return false;
  const size_t covered = size - kTableChecksumBytes;
  if (seed_.Of(KindOf(TablePart::kBlock), part.offset, bytes.get(), covered) !=
      DecodeFixed32(bytes.get() + covered)) {
    return false;
  }
  if (bytes[covered - 1] != 0) return false;
  return Block::Parse(std::move(bytes), covered - 1, block).ok();
}

Status TableParts::Locate() {
  VARVE_TRY(file_->Size(&file_bytes_));
  VARVE_TRY(CheckIsOurs());
  uint64_t end = 0;
  if (ReadTableLayout(*file_, id_, &layout_).ok()) {
    TakeSections();
    if (parts_.empty() && layout_.data_end() > kTableHeaderBytes) {
      return ScanBlocks(layout_.data_end(), false, &end);
    }
    return Status::Ok();
  }
  VARVE_TRY(ScanBlocks(file_bytes_, true, &end));
  ScanSections(end);
  if (end != 0) return Status::Ok();
  // Nobody says where the blocks ended: more may have been there.
  Part rest;
  rest.offset = file_bytes_;
  rest.is_lost = true;
  parts_.push_back(std::move(rest));
  return Status::Ok();
}

void TableParts::TakeSections() {
  AlignedBytes bytes;
  const auto read = [&](const char* name, int* number) {
    *number = layout_.Find(name);
    return *number >= 0 && ReadTableSection(*file_, seed_, layout_, *number, 0, &bytes).ok();
  };
  const auto contents = [&](int number) {
    return bytes.bytes(layout_.sections[static_cast<size_t>(number)].size);
  };
  int number = 0;
  has_properties_ = read("props", &number) && DecodeProperties(contents(number), &properties_).ok();
  const bool has_ranges = read("ranges", &number);
  if (number >= 0) {
    ranges_lost_ = !has_ranges || !RangeTombstones::Decode(contents(number), &ranges_).ok();
    if (ranges_lost_) ranges_ = RangeTombstones();
  }
  if (layout_.Find("index") >= 0) TakeIndex(layout_.Find("index"));
}

void TableParts::TakeIndex(int number) {
  const TableSection& section = layout_.sections[static_cast<size_t>(number)];
  AlignedBytes bytes;
  TableIndex index;
  if (!ReadTableSection(*file_, seed_, layout_, number, 0, &bytes).ok() ||
      !TableIndex::Parse(bytes.bytes(section.size), kTableHeaderBytes, layout_.data_end(), &index)
           .ok() ||
      !index.Check().ok()) {
    return;
  }
  for (uint32_t block = 0; block < index.blocks(); ++block) {
    Part part;
    part.offset = index.block_offset(block);
    part.bytes = index.block_bytes(block);
    part.has_last = true;
    part.last = std::string(index.separator_key(block));
    if (block > 0) {
      part.has_first = true;
      part.first = std::string(index.separator_key(block - 1));
    }
    parts_.push_back(std::move(part));
  }
}

bool TableParts::FindEnd(uint8_t kind, uint64_t offset, uint64_t limit, uint64_t* end) const {
  const auto window = std::make_unique_for_overwrite<char[]>(kWindowBytes);
  uint32_t crc = seed_.Of(kind, offset, nullptr, 0);
  for (uint64_t at = offset; at + kTableChecksumBytes <= limit;) {
    if (IsCancelled()) return false;
    const auto size = static_cast<size_t>(std::min<uint64_t>(kWindowBytes, limit - at));
    if (!ReadBytes(at, size, window.get())) return false;
    // Each byte but the last ones, which can only be checksum here and begin the next window.
    const size_t steps = size - kTableChecksumBytes + 1;
    for (size_t i = 0; i < steps; ++i) {
      if (DecodeFixed32(window.get() + i) == crc && at + i > *end) {
        *end = at + i;
        return true;
      }
      crc = crc32c::Extend(crc, window.get() + i, 1);
    }
    at += steps;
  }
  return false;
}

bool TableParts::FindBlock(uint64_t limit, Part* part) const {
  // Now and then a checksum stands where none was written: what is found must be a block, too.
  uint64_t end = part->offset + kBlockTrailerBytes - kTableChecksumBytes;
  Block block;
  while (FindEnd(KindOf(TablePart::kBlock), part->offset, limit, &end)) {
    part->bytes = end + kTableChecksumBytes - part->offset;
    if (Read(*part, &block)) return true;
  }
  return false;
}

bool TableParts::IsIndex(uint64_t offset) const {
  uint64_t end = offset;
  while (FindEnd(KindOf(TablePart::kSection), offset, file_bytes_, &end)) {
    const auto size = static_cast<size_t>(end - offset);
    AlignedBytes bytes;
    bytes.Allocate(size, 0);
    TableIndex index;
    if (ReadBytes(offset, size, bytes.data()) &&
        TableIndex::Parse(bytes.bytes(size), kTableHeaderBytes, offset, &index).ok()) {
      return true;
    }
  }
  return false;
}

Status TableParts::Resync(uint64_t offset, uint64_t limit, Part* found, bool* is_found) const {
  const auto window = std::make_unique_for_overwrite<char[]>(kWindowBytes);
  *is_found = false;
  while (offset < limit) {
    const auto size = static_cast<size_t>(std::min<uint64_t>(kWindowBytes, limit - offset));
    if (!ReadBytes(offset, size, window.get())) {
      // Past the sector that cannot be read.
      offset += std::min<uint64_t>(4096, limit - offset);
      continue;
    }
    // A start near the window's end is looked at in the next one, with all that follows it.
    const size_t starts = offset + size == limit ? size : size - kResyncBytesMax;
    for (size_t i = 0; i < starts; ++i) {
      if (IsCancelled()) return Status::Aborted();
      if (!LooksLikeBlock(window.get() + i, size - i)) continue;
      found->offset = offset + i;
      *is_found = FindBlock(std::min(limit, found->offset + kResyncBytesMax), found);
      if (*is_found) return Status::Ok();
    }
    offset += starts;
  }
  return Status::Ok();
}

// *stop: where the sections begin, or 0 when that was not found.
Status TableParts::ScanBlocks(uint64_t limit, bool stops_at_sections, uint64_t* stop) {
  *stop = 0;
  for (uint64_t at = kTableHeaderBytes; at < limit;) {
    if (IsCancelled()) return Status::Aborted();
    Part part;
    part.offset = at;
    if (FindBlock(limit, &part)) {
      at += part.bytes;
      parts_.push_back(std::move(part));
      continue;
    }
    if (stops_at_sections && IsIndex(at)) {
      *stop = at;
      return Status::Ok();
    }
    Part next;
    bool is_found = false;
    VARVE_TRY(Resync(at + 1, limit, &next, &is_found));
    part.bytes = (is_found ? next.offset : limit) - at;
    part.is_lost = true;
    at += part.bytes;
    parts_.push_back(std::move(part));
  }
  return Status::Ok();
}

// Without a directory: index, filter (there is one when there are blocks), ranges (maybe), props.
void TableParts::ScanSections(uint64_t offset) {
  ranges_lost_ = true;
  if (offset == 0) return;
  std::vector<std::string> sections;
  for (int number = 0;; ++number) {
    uint64_t end = offset;
    const auto kind = static_cast<uint8_t>(KindOf(TablePart::kSection) + number);
    if (!FindEnd(kind, offset, file_bytes_, &end)) break;
    std::string bytes(static_cast<size_t>(end - offset), '\0');
    if (!ReadBytes(offset, bytes.size(), bytes.data())) return;
    sections.push_back(std::move(bytes));
    offset = end + kTableChecksumBytes;
  }
  if (sections.size() < 2 || !DecodeProperties(sections.back(), &properties_).ok()) return;
  // Props is the last section, so nothing between was missed when it says what it should.
  has_properties_ = properties_.file_bytes == file_bytes_;
  if (!has_properties_) return;
  if (properties_.range_tombstones == 0) {
    ranges_lost_ = false;
    return;
  }
  ranges_lost_ = !RangeTombstones::Decode(sections[sections.size() - 2], &ranges_).ok();
  if (ranges_lost_) ranges_ = RangeTombstones();
}

}  // namespace varve
