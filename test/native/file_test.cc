// The contract of FileSystem, run on every backend.
#include "core/file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "core/file_memory.h"
#include "status_helpers.h"
#include "temporary_directory.h"

namespace varve {
namespace {

using Names = std::vector<std::string>;

class FileContract : public testing::TestWithParam<const char*> {
 protected:
  FileContract() {
    if (std::string_view(GetParam()) == "memory") {
      memory_ = std::make_unique<MemoryFileSystem>();
      fs_ = memory_.get();
      root_ = "/database";
      EXPECT_TRUE(fs_->MakeDirectory(root_).ok());
    } else {
      fs_ = PosixFileSystem();
      root_ = temporary_.path();
    }
  }

  std::string Path(const std::string& name) const { return root_ + "/" + name; }

  std::unique_ptr<File> Create(const std::string& name) {
    std::unique_ptr<File> file;
    const Status status = fs_->Open(Path(name), OpenMode::kCreateExclusive, &file);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return file;
  }

  void Write(const std::string& name, Slice contents) {
    EXPECT_TRUE(WriteWholeFile(fs_, Path(name), contents).ok());
  }

  std::string Read(const std::string& name) {
    std::string contents;
    const Status status = ReadWholeFile(fs_, Path(name), 1 << 30, &contents);
    return status.ok() ? contents : std::string(CodeName(status.code()));
  }

  static std::string ReadAt(const File& file, uint64_t offset, size_t size) {
    std::string bytes(size, '?');
    size_t read = 0;
    const Status status = file.ReadAt(offset, size, bytes.data(), &read);
    EXPECT_TRUE(status.ok()) << status.ToString();
    bytes.resize(read);
    return bytes;
  }

  Names List(const std::string& directory) {
    Names names;
    EXPECT_TRUE(fs_->List(directory, &names).ok());
    return names;
  }

  TemporaryDirectory temporary_;
  std::unique_ptr<MemoryFileSystem> memory_;
  FileSystem* fs_;
  std::string root_;
};

TEST_P(FileContract, OpenModes) {
  std::unique_ptr<File> file;
  EXPECT_EQ(fs_->Open(Path("a"), OpenMode::kRead, &file).code(), Code::kNotFound);
  EXPECT_EQ(fs_->Open(Path("a"), OpenMode::kReadWrite, &file).code(), Code::kNotFound);
  EXPECT_EQ(fs_->Open(Path("no/a"), OpenMode::kCreateExclusive, &file).code(), Code::kNotFound);
  EXPECT_EQ(fs_->Open(root_, OpenMode::kRead, &file).os_error(), EISDIR);
  EXPECT_EQ(file, nullptr);
  file = Create("a");
  EXPECT_EQ(file->path(), Path("a"));
  ASSERT_OK(file->WriteAt(0, "text"));
  const Status again = fs_->Open(Path("a"), OpenMode::kCreateExclusive, &file);
  EXPECT_EQ(again.code(), Code::kExists);
  EXPECT_EQ(again.file(), Path("a"));
  ASSERT_OK(fs_->Open(Path("a"), OpenMode::kReadWrite, &file));
  EXPECT_EQ(ReadAt(*file, 0, 10), "text");
  ASSERT_OK(fs_->Open(Path("a"), OpenMode::kCreateTruncate, &file));
  EXPECT_EQ(ReadAt(*file, 0, 10), "");
}

TEST_P(FileContract, ReadsAndWritesAnywhere) {
  std::unique_ptr<File> file = Create("a");
  ASSERT_OK(file->WriteAt(5, "five"));
  EXPECT_EQ(ReadAt(*file, 0, 100), std::string(5, '\0') + "five");
  ASSERT_OK(file->WriteAt(0, "zero"));
  ASSERT_OK(file->WriteAt(6, "IV"));
  EXPECT_EQ(ReadAt(*file, 0, 9), Slice("zero\0fIVe", 9));
  EXPECT_EQ(ReadAt(*file, 7, 100), "Ve");
  EXPECT_EQ(ReadAt(*file, 9, 1), "");
  EXPECT_EQ(ReadAt(*file, 1000, 1), "");
  EXPECT_EQ(ReadAt(*file, 0, 0), "");
  ASSERT_OK(file->WriteAt(20, ""));
  uint64_t size = 0;
  ASSERT_OK(file->Size(&size));
  EXPECT_EQ(size, 9u);
}

TEST_P(FileContract, WritesThroughAReadingHandleFail) {
  Write("a", "text");
  std::unique_ptr<File> file;
  ASSERT_OK(fs_->Open(Path("a"), OpenMode::kRead, &file));
  const Status status = file->WriteAt(0, "more");
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_EQ(status.file(), Path("a"));
  EXPECT_FALSE(file->Truncate(0).ok());
  EXPECT_EQ(Read("a"), "text");
}

TEST_P(FileContract, ReadsWithoutWaiting) {
  std::unique_ptr<File> file = Create("a");
  ASSERT_OK(file->WriteAt(0, std::string(10000, 'x')));
  char bytes[8000];
  size_t read = 0;
  // Not all kernels and file systems can tell; an answer must be a right one.
  Status status = file->ReadAtNoWait(1000, 8000, bytes, &read);
  if (!status.IsWouldBlock()) {
    ASSERT_OK(status);
    EXPECT_EQ(Slice(bytes, read), std::string(8000, 'x'));
  }
  status = file->ReadAtNoWait(9000, 8000, bytes, &read);
  if (!status.IsWouldBlock()) {
    ASSERT_OK(status);
    EXPECT_EQ(read, 1000u);
  }
  status = file->ReadAtNoWait(10000, 10, bytes, &read);
  if (!status.IsWouldBlock()) {
    ASSERT_OK(status);
    EXPECT_EQ(read, 0u);
  }
}

TEST_P(FileContract, TruncatesBothWays) {
  std::unique_ptr<File> file = Create("a");
  ASSERT_OK(file->WriteAt(0, std::string(1500, 'x')));
  ASSERT_OK(file->Truncate(700));
  EXPECT_EQ(ReadAt(*file, 0, 2000), std::string(700, 'x'));
  ASSERT_OK(file->Truncate(1200));
  EXPECT_EQ(ReadAt(*file, 0, 2000), std::string(700, 'x') + std::string(500, '\0'));
}

TEST_P(FileContract, AllocateGrowsAndNeverShrinks) {
  std::unique_ptr<File> file = Create("a");
  ASSERT_OK(file->WriteAt(0, "text"));
  ASSERT_OK(file->Allocate(0));
  ASSERT_OK(file->Allocate(100000));
  uint64_t size = 0;
  ASSERT_OK(file->Size(&size));
  EXPECT_EQ(size, 100000u);
  EXPECT_EQ(ReadAt(*file, 0, 8), Slice("text\0\0\0\0", 8));
  EXPECT_EQ(ReadAt(*file, 99996, 8), Slice("\0\0\0\0", 4));
  ASSERT_OK(file->Allocate(10));
  ASSERT_OK(file->Size(&size));
  EXPECT_EQ(size, 100000u);
}

TEST_P(FileContract, SyncsAndHints) {
  std::unique_ptr<File> file = Create("a");
  ASSERT_OK(file->WriteAt(0, "text"));
  file->StartWriteback(0, 4);
  ASSERT_OK(file->SyncData());
  ASSERT_OK(file->Sync());
  file->AdviseSequential(0, 4);
  ASSERT_OK(fs_->SyncDirectory(root_));
  EXPECT_EQ(fs_->SyncDirectory(Path("absent")).code(), Code::kNotFound);
  EXPECT_EQ(fs_->SyncDirectory(Path("a")).os_error(), ENOTDIR);
}

TEST_P(FileContract, Stat) {
  Write("a", std::string(5000, 'x'));
  FileStat file, directory, linked;
  ASSERT_OK(fs_->Stat(Path("a"), &file));
  EXPECT_EQ(file.size, 5000u);
  EXPECT_FALSE(file.is_directory);
  ASSERT_OK(fs_->Stat(root_, &directory));
  EXPECT_TRUE(directory.is_directory);
  EXPECT_EQ(directory.device, file.device);
  EXPECT_NE(directory.inode, file.inode);
  ASSERT_OK(fs_->Link(Path("a"), Path("b")));
  ASSERT_OK(fs_->Stat(Path("b"), &linked));
  EXPECT_EQ(linked.inode, file.inode);
  EXPECT_EQ(fs_->Stat(Path("absent"), &file).code(), Code::kNotFound);
}

TEST_P(FileContract, ListsInOrder) {
  EXPECT_EQ(List(root_), Names());
  for (const char* name : {"c", "a", "b"}) Write(name, "");
  ASSERT_OK(fs_->MakeDirectory(Path("directory")));
  Write("directory/inner", "");
  EXPECT_EQ(List(root_), (Names{"a", "b", "c", "directory"}));
  EXPECT_EQ(List(Path("directory")), Names{"inner"});
  Names names;
  EXPECT_EQ(fs_->List(Path("absent"), &names).code(), Code::kNotFound);
  EXPECT_EQ(fs_->List(Path("a"), &names).os_error(), ENOTDIR);
}

TEST_P(FileContract, Directories) {
  ASSERT_OK(fs_->MakeDirectory(Path("d")));
  ASSERT_OK(fs_->MakeDirectory(Path("d")));
  EXPECT_EQ(fs_->MakeDirectory(Path("absent/d")).code(), Code::kNotFound);
  Write("file", "");
  EXPECT_EQ(fs_->MakeDirectory(Path("file")).code(), Code::kExists);
  Write("d/inner", "text");
  EXPECT_EQ(fs_->RemoveDirectory(Path("d")).os_error(), ENOTEMPTY);
  EXPECT_EQ(fs_->RemoveDirectory(Path("file")).os_error(), ENOTDIR);
  ASSERT_OK(fs_->Rename(Path("d"), Path("e")));
  EXPECT_EQ(Read("e/inner"), "text");
  ASSERT_OK(fs_->Unlink(Path("e/inner")));
  ASSERT_OK(fs_->RemoveDirectory(Path("e")));
  EXPECT_EQ(fs_->RemoveDirectory(Path("e")).code(), Code::kNotFound);
}

TEST_P(FileContract, RenameReplaces) {
  Write("a", "new");
  Write("b", "old");
  std::unique_ptr<File> old;
  ASSERT_OK(fs_->Open(Path("b"), OpenMode::kRead, &old));
  ASSERT_OK(fs_->Rename(Path("a"), Path("b")));
  EXPECT_EQ(List(root_), Names{"b"});
  EXPECT_EQ(Read("b"), "new");
  EXPECT_EQ(ReadAt(*old, 0, 10), "old");
  EXPECT_EQ(fs_->Rename(Path("a"), Path("c")).code(), Code::kNotFound);
  ASSERT_OK(fs_->Rename(Path("b"), Path("b")));
  ASSERT_OK(fs_->Link(Path("b"), Path("c")));
  ASSERT_OK(fs_->Rename(Path("b"), Path("c")));  // two names of one file: nothing happens
  EXPECT_EQ(List(root_), (Names{"b", "c"}));
}

TEST_P(FileContract, LinksAreOneFile) {
  Write("a", "text");
  ASSERT_OK(fs_->Link(Path("a"), Path("b")));
  EXPECT_EQ(fs_->Link(Path("a"), Path("b")).code(), Code::kExists);
  EXPECT_EQ(fs_->Link(Path("absent"), Path("c")).code(), Code::kNotFound);
  std::unique_ptr<File> file;
  ASSERT_OK(fs_->Open(Path("b"), OpenMode::kReadWrite, &file));
  ASSERT_OK(file->WriteAt(0, "TEXT"));
  EXPECT_EQ(Read("a"), "TEXT");
  ASSERT_OK(fs_->Unlink(Path("a")));
  EXPECT_EQ(Read("b"), "TEXT");
}

TEST_P(FileContract, UnlinkedFilesStayOpen) {
  std::unique_ptr<File> file = Create("a");
  ASSERT_OK(file->WriteAt(0, "text"));
  ASSERT_OK(fs_->Unlink(Path("a")));
  EXPECT_EQ(fs_->Unlink(Path("a")).code(), Code::kNotFound);
  EXPECT_EQ(Read("a"), "NOT_FOUND");
  ASSERT_OK(file->WriteAt(4, " more"));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(ReadAt(*file, 0, 100), "text more");
  Create("a");
  EXPECT_EQ(Read("a"), "");
}

TEST_P(FileContract, WholeFiles) {
  Write("a", "one");
  Write("a", "2");
  EXPECT_EQ(Read("a"), "2");
  std::string contents = "before";
  const Status status = ReadWholeFile(fs_, Path("a"), 0, &contents);
  EXPECT_EQ(status.code(), Code::kTooLarge);
  EXPECT_EQ(status.file(), Path("a"));
  ASSERT_OK(ReadWholeFile(fs_, Path("a"), 1, &contents));
  EXPECT_EQ(contents, "2");
}

TEST_P(FileContract, ExclusiveLocksExclude) {
  std::unique_ptr<FileLock> first, second;
  ASSERT_OK(fs_->Lock(Path("LOCK"), true, "pid 1 on here", &first));
  const Status status = fs_->Lock(Path("LOCK"), true, "pid 2", &second);
  EXPECT_EQ(status.code(), Code::kLocked);
  EXPECT_EQ(status.message(), "pid 1 on here");
  EXPECT_EQ(status.file(), Path("LOCK"));
  EXPECT_EQ(fs_->Lock(Path("LOCK"), false, "", &second).code(), Code::kLocked);
  EXPECT_EQ(second, nullptr);
  // The same file by another name.
  ASSERT_OK(fs_->Link(Path("LOCK"), Path("alias")));
  EXPECT_EQ(fs_->Lock(Path("alias"), true, "pid 2", &second).code(), Code::kLocked);
  EXPECT_EQ(Read("LOCK"), "pid 1 on here");
  first.reset();
  EXPECT_EQ(Read("LOCK"), "");
  ASSERT_OK(fs_->Lock(Path("LOCK"), true, "me", &second));
  EXPECT_EQ(Read("LOCK"), "me");
}

TEST_P(FileContract, SharedLocksShare) {
  std::unique_ptr<FileLock> one, two, exclusive;
  ASSERT_OK(fs_->Lock(Path("LOCK"), false, "", &one));  // absent: free
  EXPECT_EQ(List(root_), Names());
  ASSERT_OK(fs_->Lock(Path("LOCK"), true, "owner", &exclusive));
  exclusive.reset();
  ASSERT_OK(fs_->Lock(Path("LOCK"), false, "", &one));
  ASSERT_OK(fs_->Lock(Path("LOCK"), false, "", &two));
  EXPECT_EQ(fs_->Lock(Path("LOCK"), true, "owner", &exclusive).code(), Code::kLocked);
  one.reset();
  EXPECT_EQ(fs_->Lock(Path("LOCK"), true, "owner", &exclusive).code(), Code::kLocked);
  two.reset();
  ASSERT_OK(fs_->Lock(Path("LOCK"), true, "owner", &exclusive));
}

TEST_P(FileContract, FreeBytes) {
  uint64_t bytes = 0;
  ASSERT_OK(fs_->FreeBytes(root_, &bytes));
  EXPECT_GT(bytes, 0u);
  EXPECT_EQ(fs_->FreeBytes(Path("absent"), &bytes).code(), Code::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Backends, FileContract, testing::Values("posix", "memory"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace varve
