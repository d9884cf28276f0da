// The outer structures of a table file (table_format.h): header, sections, directory
// and footer, and reading any checksummed part of it.
//
// Invariant: what is returned was verified; sizes are checked against the file's before
// memory is taken for them; the parts of a layout lie one after the other, without gaps.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/crc32c.h"
#include "core/file.h"
#include "core/table_format.h"

namespace varve {

inline constexpr uint8_t kSectionRequired = 1;
inline constexpr size_t kTableChecksumBytes = 4;
inline constexpr size_t kTableSectionsMax = 255 - static_cast<size_t>(TablePart::kSection);

struct TableSection {
  std::string name;
  uint8_t flags = 0;
  uint64_t offset = 0, size = 0;  // size: without the checksum
};

struct TableLayout {
  uint64_t file_bytes = 0;
  uint64_t directory_offset = 0, directory_size = 0;
  std::vector<TableSection> sections;

  // Where the blocks end.
  uint64_t data_end() const {
    return sections.empty() ? directory_offset : sections.front().offset;
  }
  // Number of the section, -1 without one.
  int Find(Slice name) const;
};

// Bytes that start `lead` bytes before a 64-byte border.
class AlignedBytes {
 public:
  void Allocate(size_t size, size_t lead);
  char* data() { return memory_.get() + skip_; }
  Slice bytes(size_t size) const { return Slice(memory_.get() + skip_, size); }

 private:
  std::unique_ptr<char[]> memory_;
  size_t skip_ = 0;
};

std::string EncodeTableHeader(const FileId& id);
std::string EncodeTableDirectory(const std::vector<TableSection>& sections);
std::string EncodeTableFooter(const TableLayout& layout, const FileId& id);
void PutTableChecksum(const crc32c::Seed& seed, uint8_t kind, uint64_t offset, std::string* to);

// Header, footer and directory; every error names its place.
Status ReadTableLayout(const File& file, const FileId& id, TableLayout* layout);
Status ReadTableSection(const File& file, const crc32c::Seed& seed, const TableLayout& layout,
                        int number, size_t lead, AlignedBytes* bytes);

}  // namespace varve
