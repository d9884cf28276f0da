#include "core/table_layout.h"

#include <cstring>

#include "core/coding.h"

namespace varve {
namespace {

constexpr size_t kMagicBytes = 8;
constexpr size_t kHeaderIdAt = 16;
constexpr size_t kHeaderChecksumAt = kTableHeaderBytes - kTableChecksumBytes;
constexpr size_t kFooterIdAt = 24;
constexpr size_t kFooterVersionAt = 40;
constexpr size_t kFooterChecksumAt = kTableFooterBytes - kMagicBytes - kTableChecksumBytes;

constexpr uint8_t KindOf(TablePart part) { return static_cast<uint8_t>(part); }

Status ReadExactly(const File& file, uint64_t offset, size_t size, char* to) {
  size_t read = 0;
  Status status = file.ReadAt(offset, size, to, &read);
  if (status.ok() && read != size) status = Status::Corruption("the table is cut short");
  return status.At(file.path(), offset);
}

// `bytes` with its checksum behind it, under the id that it carries itself: a whole structure of
// another file is told from a damaged one.
Status CheckSigned(Slice bytes, TablePart part, uint64_t offset, Slice carried, const FileId& id,
                   uint32_t version) {
  FileId own;
  std::memcpy(own.data(), carried.data(), own.size());
  const uint32_t checksum = crc32c::Seed(own).Of(KindOf(part), offset, bytes.data(), bytes.size());
  if (checksum != DecodeFixed32(bytes.data() + bytes.size())) {
    return Status::Corruption(part == TablePart::kHeader ? "bad checksum of the table's header"
                                                         : "bad checksum of the table's footer");
  }
  if (own != id) return Status::Corruption("the table has another identity");
  if (version != kTableFormatVersion) {
    return Status::Unsupported("format version " + std::to_string(version) + " of a table");
  }
  return Status::Ok();
}

Status ReadHeader(const File& file, const FileId& id) {
  char header[kTableHeaderBytes];
  VARVE_TRY(ReadExactly(file, 0, sizeof(header), header));
  if (std::memcmp(header, kTableMagic, kMagicBytes) != 0) {
    return Status::Corruption("it does not start as a table does").At(file.path(), 0);
  }
  return CheckSigned(Slice(header, kHeaderChecksumAt), TablePart::kHeader, 0,
                     Slice(header + kHeaderIdAt, id.size()), id, DecodeFixed32(header + 8))
      .At(file.path(), 0);
}

Status ReadFooter(const File& file, const FileId& id, TableLayout* layout) {
  const uint64_t at = layout->file_bytes - kTableFooterBytes;
  char footer[kTableFooterBytes];
  VARVE_TRY(ReadExactly(file, at, sizeof(footer), footer));
  if (std::memcmp(footer + sizeof(footer) - kMagicBytes, kTableEndMagic, kMagicBytes) != 0) {
    return Status::Corruption("it does not end as a table does").At(file.path(), at);
  }
  VARVE_TRY(CheckSigned(Slice(footer, kFooterChecksumAt), TablePart::kFooter, at,
                        Slice(footer + kFooterIdAt, id.size()), id,
                        DecodeFixed32(footer + kFooterVersionAt))
                .At(file.path(), at));
  layout->directory_offset = DecodeFixed64(footer);
  layout->directory_size = DecodeFixed64(footer + 8);
  const bool fits = layout->directory_offset >= kTableHeaderBytes &&
                    layout->directory_offset <= at - kTableChecksumBytes &&
                    layout->directory_size == at - kTableChecksumBytes - layout->directory_offset;
  if (!fits || DecodeFixed64(footer + 16) != layout->file_bytes) {
    return Status::Corruption("the table's footer does not fit the file").At(file.path(), at);
  }
  return Status::Ok();
}

bool DecodeSection(Slice* input, TableSection* section) {
  Slice name;
  if (!GetLengthPrefixed(input, &name) || input->empty()) return false;
  section->name.assign(name);
  section->flags = static_cast<uint8_t>(input->front());
  input->remove_prefix(1);
  return GetFixed64(input, &section->offset) && GetFixed64(input, &section->size);
}

Status DecodeDirectory(Slice input, TableLayout* layout) {
  uint32_t count;
  if (!GetFixed32(&input, &count) || count > kTableSectionsMax) {
    return Status::Corruption("the table's directory is malformed");
  }
  for (; count > 0; --count) {
    TableSection section;
    if (!DecodeSection(&input, &section) || layout->Find(section.name) >= 0) {
      return Status::Corruption("the table's directory is malformed");
    }
    layout->sections.push_back(std::move(section));
  }
  if (!input.empty()) return Status::Corruption("bytes follow the table's directory");
  // Backwards from the directory: each part ends where the one behind it begins.
  uint64_t end = layout->directory_offset;
  for (auto section = layout->sections.rbegin(); section != layout->sections.rend(); ++section) {
    const bool fits = section->offset >= kTableHeaderBytes && section->offset <= end &&
                      end - section->offset >= kTableChecksumBytes &&
                      section->size == end - section->offset - kTableChecksumBytes;
    if (!fits) {
      return Status::Corruption("section \"" + section->name + "\" is not where it should be");
    }
    end = section->offset;
  }
  return Status::Ok();
}

}  // namespace

int TableLayout::Find(Slice name) const {
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void AlignedBytes::Allocate(size_t size, size_t lead) {
  constexpr size_t kBorder = 64;
  memory_ = std::make_unique_for_overwrite<char[]>(size + kBorder);
  const auto start = reinterpret_cast<uintptr_t>(memory_.get()) + lead;
  skip_ = (kBorder - start % kBorder) % kBorder;
}

void PutTableChecksum(const crc32c::Seed& seed, uint8_t kind, uint64_t offset, std::string* to) {
  PutFixed32(to, seed.Of(kind, offset, to->data(), to->size()));
}

std::string EncodeTableHeader(const FileId& id) {
  std::string header(kTableMagic, kMagicBytes);
  PutFixed32(&header, kTableFormatVersion);
  PutFixed32(&header, 0);
  header.append(reinterpret_cast<const char*>(id.data()), id.size());
  header.resize(kHeaderChecksumAt);
  PutTableChecksum(crc32c::Seed(id), KindOf(TablePart::kHeader), 0, &header);
  return header;
}

std::string EncodeTableDirectory(const std::vector<TableSection>& sections) {
  std::string directory;
  PutFixed32(&directory, static_cast<uint32_t>(sections.size()));
  for (const TableSection& section : sections) {
    PutLengthPrefixed(&directory, section.name);
    directory.push_back(static_cast<char>(section.flags));
    PutFixed64(&directory, section.offset);
    PutFixed64(&directory, section.size);
  }
  return directory;
}

std::string EncodeTableFooter(const TableLayout& layout, const FileId& id) {
  std::string footer;
  PutFixed64(&footer, layout.directory_offset);
  PutFixed64(&footer, layout.directory_size);
  PutFixed64(&footer, layout.file_bytes);
  footer.append(reinterpret_cast<const char*>(id.data()), id.size());
  PutFixed32(&footer, kTableFormatVersion);
  footer.resize(kFooterChecksumAt);
  PutTableChecksum(crc32c::Seed(id), KindOf(TablePart::kFooter),
                   layout.file_bytes - kTableFooterBytes, &footer);
  return footer.append(kTableEndMagic, kMagicBytes);
}

Status ReadTableLayout(const File& file, const FileId& id, TableLayout* layout) {
  *layout = TableLayout();
  VARVE_TRY(file.Size(&layout->file_bytes));
  if (layout->file_bytes < kTableHeaderBytes + kTableChecksumBytes + kTableFooterBytes) {
    return Status::Corruption("it is too short to be a table").At(file.path(), 0);
  }
  VARVE_TRY(ReadHeader(file, id));
  VARVE_TRY(ReadFooter(file, id, layout));
  const size_t size = layout->directory_size;
  const uint64_t offset = layout->directory_offset;
  AlignedBytes bytes;
  bytes.Allocate(size + kTableChecksumBytes, 0);
  VARVE_TRY(ReadExactly(file, offset, size + kTableChecksumBytes, bytes.data()));
  const uint8_t kind = KindOf(TablePart::kDirectory);
  if (crc32c::Seed(id).Of(kind, offset, bytes.data(), size) != DecodeFixed32(bytes.data() + size)) {
    return Status::Corruption("bad checksum of the table's directory").At(file.path(), offset);
  }
  return DecodeDirectory(bytes.bytes(size), layout).At(file.path(), offset);
}

Status ReadTableSection(const File& file, const crc32c::Seed& seed, const TableLayout& layout,
                        int number, size_t lead, AlignedBytes* bytes) {
  const TableSection& section = layout.sections[static_cast<size_t>(number)];
  bytes->Allocate(section.size + kTableChecksumBytes, lead);
  VARVE_TRY(ReadExactly(file, section.offset, section.size + kTableChecksumBytes, bytes->data()));
  const auto kind = static_cast<uint8_t>(KindOf(TablePart::kSection) + number);
  if (seed.Of(kind, section.offset, bytes->data(), section.size) !=
      DecodeFixed32(bytes->data() + section.size)) {
    return Status::Corruption("bad checksum of section \"" + section.name + "\"")
        .At(file.path(), section.offset);
  }
  return Status::Ok();
}

}  // namespace varve
