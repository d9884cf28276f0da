#include "core/file_memory.h"

#include <cerrno>
#include <memory>
#include <string>

#include "file_memory_helpers.h"

namespace varve {
namespace {

constexpr uint64_t kSector = 512;

TEST(MemoryPaths, AreNormalised) {
  MemoryFileSystem fs;
  ASSERT_OK(fs.MakeDirectory("/a/"));
  Create(&fs, "a//./b");
  EXPECT_EQ(Listing(&fs, "/a"), "b ");
  EXPECT_EQ(Listing(&fs, ""), "a ");
  std::unique_ptr<File> file;
  EXPECT_EQ(fs.Open("/a/b/c", OpenMode::kCreateExclusive, &file).os_error(), ENOTDIR);
  EXPECT_EQ(fs.Rename("/a", "/a/inner").os_error(), EINVAL);
}

// The name of a new file may last where its bytes do not, and the other way round.

TEST(MemoryFaults, TheNthCallFails) {
  const auto run = [](MemoryFileSystem* fs) {
    std::unique_ptr<File> file;
    VARVE_TRY(fs->Open("/f", OpenMode::kCreateTruncate, &file));
    VARVE_TRY(file->WriteAt(0, "text"));
    VARVE_TRY(file->SyncData());
    VARVE_TRY(file->Allocate(100));
    VARVE_TRY(fs->Rename("/f", "/g"));
    VARVE_TRY(fs->SyncDirectory("/"));
    FileStat stat;
    VARVE_TRY(fs->Stat("/g", &stat));
    char bytes[4];
    size_t read = 0;
    return file->ReadAt(0, 4, bytes, &read);
  };
  for (uint64_t call = 1; call <= 8; ++call) {
    MemoryFileSystem fs;
    fs.SetFaults({.at_call = call});
    const Status status = run(&fs);
    EXPECT_EQ(status.code(), Code::kIoError);
    EXPECT_EQ(status.os_error(), EIO);
    EXPECT_EQ(fs.calls(), call);
    EXPECT_TRUE(run(&fs).ok()) << "that one only";
    fs.SetFaults({.at_call = call, .forever = true, .os_error = ENOSPC});
    EXPECT_EQ(run(&fs).code(), Code::kNoSpace);
    EXPECT_EQ(run(&fs).code(), Code::kNoSpace);
    fs.SetFaults({});
    EXPECT_TRUE(run(&fs).ok());
    EXPECT_EQ(fs.calls(), 8u);
  }
}

TEST(MemoryFaults, OnlySomeOperationsCount) {
  MemoryFileSystem fs;
  fs.SetFaults({.at_call = 2, .operations = 8});
  std::unique_ptr<File> file = Create(&fs, "/f");
  for (int i = 0; i < 5; ++i) ASSERT_OK(file->WriteAt(0, "text"));
  ASSERT_OK(file->SyncData());
  EXPECT_EQ(fs.calls(), 1u);
  EXPECT_EQ(file->Sync().code(), Code::kIoError);
  EXPECT_EQ(fs.calls(), 2u);
}

TEST(MemoryFaults, AShortWriteKeepsHalf) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = Create(&fs, "/f");
  fs.SetFaults({.at_call = 2, .os_error = ENOSPC, .short_write = true, .operations = 4});
  ASSERT_OK(file->WriteAt(0, "begin "));
  EXPECT_EQ(file->WriteAt(6, "abcdef").code(), Code::kNoSpace);
  EXPECT_EQ(Contents(fs, "/f"), "begin abc");
  ASSERT_OK(file->WriteAt(6, "abcdef"));
}

TEST(MemoryFaults, AFailedSyncStaysFailedAndItsBytesCountAsClean) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = CreateSynced(&fs, std::string(2 * kSector, 'o'));
  ASSERT_OK(file->WriteAt(0, std::string(2 * kSector, 'n')));
  fs.SetFaults({.at_call = 1, .operations = 8});
  EXPECT_EQ(file->SyncData().code(), Code::kIoError);
  EXPECT_EQ(file->SyncData().code(), Code::kIoError);
  EXPECT_EQ(file->Sync().code(), Code::kIoError);
  // Another handle hears nothing of it; what is written anew is synced, the rest is not.
  std::unique_ptr<File> other = Open(&fs, "/f");
  ASSERT_OK(other->WriteAt(kSector, std::string(kSector, 'N')));
  ASSERT_OK(other->Sync());
  EXPECT_EQ(Contents(fs, "/f"), std::string(kSector, 'n') + std::string(kSector, 'N'));
  fs.Crash(0);
  EXPECT_EQ(Contents(fs, "/f"), std::string(kSector, 'o') + std::string(kSector, 'N'));
}

TEST(MemoryCapacity, NoSpaceBeyondIt) {
  MemoryFileSystem fs;
  fs.SetCapacity(1000);
  std::unique_ptr<File> file = Create(&fs, "/f");
  ASSERT_OK(file->WriteAt(0, std::string(600, 'x')));
  std::unique_ptr<File> other = Create(&fs, "/g");
  const Status status = other->WriteAt(0, std::string(600, 'y'));
  EXPECT_EQ(status.code(), Code::kNoSpace);
  EXPECT_EQ(status.offset(), 400u);
  EXPECT_EQ(Contents(fs, "/g"), std::string(400, 'y'));
  EXPECT_EQ(other->Allocate(401).code(), Code::kNoSpace);
  ASSERT_OK(file->WriteAt(0, std::string(600, 'z')));  // in place
  uint64_t bytes = 1;
  ASSERT_OK(fs.FreeBytes("/", &bytes));
  EXPECT_EQ(bytes, 0u);
  ASSERT_OK(fs.Unlink("/f"));
  ASSERT_OK(fs.FreeBytes("/", &bytes));
  EXPECT_EQ(bytes, 0u) << "it is open";
  file.reset();
  ASSERT_OK(fs.FreeBytes("/", &bytes));
  EXPECT_EQ(bytes, 600u);
  ASSERT_OK(other->Allocate(1000));
}

TEST(MemoryCold, ReadsWithoutWaitingWouldBlock) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = CreateSynced(&fs, "text");
  char bytes[4];
  size_t read = 0;
  ASSERT_OK(file->ReadAtNoWait(0, 4, bytes, &read));
  EXPECT_EQ(Slice(bytes, read), "text");
  fs.SetCold(true);
  EXPECT_TRUE(file->ReadAtNoWait(0, 4, bytes, &read).IsWouldBlock());
  EXPECT_EQ(read, 0u);
  ASSERT_OK(file->ReadAt(0, 4, bytes, &read));
}

TEST(MemoryDamage, OverwriteChangesBothImages) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = CreateSynced(&fs, "text");
  ASSERT_OK(file->WriteAt(0, "unsynced"));
  ASSERT_OK(fs.Overwrite("/f", "damage"));
  char bytes[10];
  size_t read = 0;
  ASSERT_OK(file->ReadAt(0, 10, bytes, &read));
  EXPECT_EQ(Slice(bytes, read), "damage");
  fs.Crash(0);
  EXPECT_EQ(Contents(fs, "/f"), "damage");
  EXPECT_EQ(fs.Overwrite("/absent", "").code(), Code::kNotFound);
}

TEST(MemoryDamage, DigestTellsDisksApart) {
  MemoryFileSystem a, b;
  EXPECT_EQ(a.Digest(), b.Digest());
  ASSERT_OK(WriteWholeFile(&a, "/f", "text"));
  EXPECT_NE(a.Digest(), b.Digest());
  ASSERT_OK(WriteWholeFile(&b, "/g", "text"));
  EXPECT_NE(a.Digest(), b.Digest());
  ASSERT_OK(b.Rename("/g", "/f"));
  EXPECT_EQ(a.Digest(), b.Digest());
  ASSERT_OK(b.MakeDirectory("/d"));
  EXPECT_NE(a.Digest(), b.Digest());
}

TEST(MemoryHandles, OutliveTheFileSystem) {
  auto fs = std::make_unique<MemoryFileSystem>();
  std::unique_ptr<File> file = Create(fs.get(), "/f");
  std::unique_ptr<FileLock> lock;
  ASSERT_OK(fs->Lock("/LOCK", true, "me", &lock));
  fs.reset();
  ASSERT_OK(file->WriteAt(0, "text"));
}

TEST(MemoryHandles, MayBeReplacedByOpeningAndLocking) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = Create(&fs, "/f");
  ASSERT_OK(fs.Open("/f", OpenMode::kRead, &file));
  std::unique_ptr<FileLock> lock;
  ASSERT_OK(fs.Lock("/a", true, "me", &lock));
  ASSERT_OK(fs.Lock("/b", true, "me", &lock));
}

}  // namespace
}  // namespace varve
