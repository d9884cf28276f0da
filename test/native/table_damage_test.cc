// Damaged tables: the right answer or an error that says what is wrong, never another answer.
#include "table_support.h"

namespace varve {
namespace {

std::vector<TableEntry> SmallEntries() { return MakeEntries(24, 12); }

// Everything a table can be asked; the first error, or a failure when an answer is wrong.
Status ReadAll(MemoryFileSystem* fs, const std::vector<TableEntry>& entries) {
  std::shared_ptr<TableReader> table;
  VARVE_TRY(OpenTable(fs, nullptr, &table));
  EXPECT_EQ(table->range_tombstones().size(), 1u);
  Status first;
  const auto note = [&first](const Status& status) {
    if (first.ok()) first = status;
    return status.ok();
  };
  for (const TableEntry& entry : entries) {
    LookupResult result;
    const Sequence sequence = TrailerSequence(entry.trailer);
    if (!note(table->Get({entry.key, Hash64(entry.key), sequence}, ReadTier::kMayBlock, &result))) {
      continue;
    }
    EXPECT_TRUE(result.decided()) << entry.key;
    EXPECT_EQ(result.sequence, sequence);
    if (result.state == LookupResult::State::kFound) {
      EXPECT_EQ(result.value, entry.value);
    }
  }
  for (const size_t readahead : {size_t{0}, size_t{1} << 20}) {
    const auto cursor = table->NewCursor({ReadTier::kMayBlock, false, true, readahead});
    size_t at = 0;
    for (cursor->SeekToFirst(); cursor->valid(); cursor->Next()) {
      if (at == entries.size() || EntryOf(*cursor) != entries[at++]) {
        ADD_FAILURE() << "a wrong entry at " << at;
        break;
      }
    }
    if (note(cursor->status())) {
      EXPECT_EQ(at, entries.size());
    }
  }
  const Status verified = table->Verify(nullptr, nullptr);
  if (!first.ok()) {
    EXPECT_FALSE(verified.ok());
  }
  note(verified);
  return first;
}

class TableDamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TableOptions options;
    options.block_bytes = 256;
    ASSERT_OK(WriteTable(&fs_, options, entries_, {{"key/00000003", "key/00000009", 12}}));
    bytes_ = Contents(fs_, kTablePath);
    ASSERT_OK(ReadAll(&fs_, entries_));
  }

  const std::vector<TableEntry> entries_ = SmallEntries();
  MemoryFileSystem fs_;
  std::string bytes_;
};

TEST_F(TableDamageTest, EveryByteMatters) {
  for (const int mask : {0x01, 0x80, 0xff}) {
    for (size_t at = 0; at < bytes_.size(); ++at) {
      std::string damaged = bytes_;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      ASSERT_OK(fs_.Overwrite(kTablePath, damaged));
      const Status status = ReadAll(&fs_, entries_);
      ASSERT_TRUE(status.IsCorruption()) << "byte " << at << ": " << status.ToString();
      EXPECT_EQ(status.file(), kTablePath);
      EXPECT_TRUE(status.has_offset());
      EXPECT_LE(status.offset(), at < kTableHeaderBytes ? 0 : at) << status.ToString();
    }
  }
}

TEST_F(TableDamageTest, EveryTruncationIsNoticed) {
  for (size_t size = 0; size < bytes_.size(); ++size) {
    ASSERT_OK(fs_.Overwrite(kTablePath, Slice(bytes_).substr(0, size)));
    ASSERT_TRUE(ReadAll(&fs_, entries_).IsCorruption()) << size;
  }
  ASSERT_OK(fs_.Overwrite(kTablePath, bytes_ + '\0'));
  EXPECT_TRUE(ReadAll(&fs_, entries_).IsCorruption());
}

// Writes the file's end anew, checksums right, with `change` made to the layout.
template <typename Change>
std::string WithDirectory(std::string bytes, MemoryFileSystem* fs, Change change) {
  TableLayout layout;
  EXPECT_TRUE(ReadTableLayout(*Open(fs, kTablePath), TestId(), &layout).ok());
  const crc32c::Seed seed(TestId());
  bytes.resize(layout.directory_offset);
  change(&layout, &bytes);
  layout.directory_offset = bytes.size();
  std::string directory = EncodeTableDirectory(layout.sections);
  layout.directory_size = directory.size();
  PutTableChecksum(seed, static_cast<uint8_t>(TablePart::kDirectory), bytes.size(), &directory);
  bytes += directory;
  layout.file_bytes = bytes.size() + kTableFooterBytes;
  return bytes + EncodeTableFooter(layout, TestId());
}

TEST_F(TableDamageTest, UnknownSections) {
  const auto open = [this](uint8_t flags) {
    const auto add = [flags](TableLayout* layout, std::string* bytes) {
      std::string section = "news";
      const auto kind = static_cast<uint8_t>(16 + layout->sections.size());
      layout->sections.push_back({"novel", flags, bytes->size(), section.size()});
      PutTableChecksum(crc32c::Seed(TestId()), kind, bytes->size(), &section);
      *bytes += section;
    };
    std::shared_ptr<TableReader> table;
    EXPECT_TRUE(fs_.Overwrite(kTablePath, bytes_).ok());
    EXPECT_TRUE(fs_.Overwrite(kTablePath, WithDirectory(bytes_, &fs_, add)).ok());
    return OpenTable(&fs_, nullptr, &table);
  };
  ASSERT_OK(open(0));
  EXPECT_EQ(open(kSectionRequired).code(), Code::kUnsupported);
}

TEST_F(TableDamageTest, SizesBeyondTheFileTakeNoMemory) {
  for (const uint64_t size : {uint64_t{1} << 62, ~uint64_t{0}, ~uint64_t{0} - 3}) {
    for (size_t section = 0; section < 4; ++section) {
      const auto grow = [section, size](TableLayout* layout, std::string*) {
        layout->sections[section].size = size;
      };
      ASSERT_OK(fs_.Overwrite(kTablePath, bytes_));
      ASSERT_OK(fs_.Overwrite(kTablePath, WithDirectory(bytes_, &fs_, grow)));
      EXPECT_TRUE(ReadAll(&fs_, entries_).IsCorruption());
    }
  }
}

}  // namespace
}  // namespace varve
