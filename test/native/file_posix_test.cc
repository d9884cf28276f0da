// What only the real file system shows: other processes, descriptors, devices.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "temporary_directory.h"

namespace varve {
namespace {

constexpr int kFree = 0, kHeld = 1, kStrange = 2;

// How the lock looks from a process that shares no table and no descriptor with this one.
int LockInAnotherProcess(const std::string& path, bool exclusive) {
  const pid_t child = fork();
  if (child == 0) {
    const int descriptor = open(path.c_str(), O_RDWR);
    if (descriptor == -1) _exit(kStrange);
#if defined(F_OFD_SETLK)
    struct flock request {};
    request.l_type = exclusive ? F_WRLCK : F_RDLCK;
    _exit(fcntl(descriptor, F_OFD_SETLK, &request) == 0 ? kFree : kHeld);
#else
    _exit(flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 ? kFree : kHeld);
#endif
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kStrange;
}

TEST(PosixLock, ExcludesOtherProcesses) {
  const TemporaryDirectory directory;
  const std::string path = directory / "LOCK";
  std::unique_ptr<FileLock> lock, shared;
  ASSERT_TRUE(PosixFileSystem()->Lock(path, true, "me", &lock).ok());
  EXPECT_EQ(LockInAnotherProcess(path, false), kHeld);
  // A refused attempt must not drop the lock that is held.
  EXPECT_FALSE(PosixFileSystem()->Lock(path, false, "", &shared).ok());
  EXPECT_EQ(LockInAnotherProcess(path, true), kHeld);
  lock.reset();
  EXPECT_EQ(LockInAnotherProcess(path, true), kFree);
  ASSERT_TRUE(PosixFileSystem()->Lock(path, false, "", &shared).ok());
  EXPECT_EQ(LockInAnotherProcess(path, false), kFree);
  EXPECT_EQ(LockInAnotherProcess(path, true), kHeld);
}

TEST(PosixLock, HearsOfAnotherProcess) {
  const TemporaryDirectory directory;
  const std::string path = directory / "LOCK";
  int ready[2], done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::unique_ptr<FileLock> lock;
    const bool ok = PosixFileSystem()->Lock(path, true, "the child", &lock).ok();
    char byte = ok ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(kStrange);
    _exit(kFree);  // as kill -9 does: nothing is given back
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  std::unique_ptr<FileLock> lock;
  const Status status = PosixFileSystem()->Lock(path, true, "the parent", &lock);
  EXPECT_EQ(status.code(), Code::kLocked);
  EXPECT_EQ(status.message(), "the child");
  ASSERT_EQ(write(done[1], &byte, 1), 1);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(PosixFileSystem()->Lock(path, true, "the parent", &lock).ok());
  for (const int descriptor : {ready[0], ready[1], done[0], done[1]}) close(descriptor);
}

TEST(PosixFile, DescriptorsAreNotInherited) {
  const TemporaryDirectory directory;
  std::vector<bool> open_before;
  for (int descriptor = 0; descriptor < 100; ++descriptor) {
    open_before.push_back(fcntl(descriptor, F_GETFD) != -1);
  }
  std::unique_ptr<File> file;
  std::unique_ptr<FileLock> lock;
  ASSERT_TRUE(PosixFileSystem()->Open(directory / "a", OpenMode::kCreateExclusive, &file).ok());
  ASSERT_TRUE(PosixFileSystem()->Lock(directory / "LOCK", true, "me", &lock).ok());
  int opened = 0;
  for (int descriptor = 0; descriptor < 100; ++descriptor) {
    const int flags = fcntl(descriptor, F_GETFD);
    if (flags == -1 || open_before[static_cast<size_t>(descriptor)]) continue;
    ++opened;
    EXPECT_TRUE(flags & FD_CLOEXEC);
  }
  EXPECT_EQ(opened, 2);
}

TEST(PosixFile, DamagedOffsetsAreErrorsAndDoNotStopReadsWithoutWaiting) {
  const TemporaryDirectory directory;
  std::unique_ptr<File> file;
  ASSERT_TRUE(PosixFileSystem()->Open(directory / "a", OpenMode::kCreateExclusive, &file).ok());
  ASSERT_TRUE(file->WriteAt(0, "text").ok());
  char bytes[4];
  size_t read = 0;
  const bool works = file->ReadAtNoWait(0, 4, bytes, &read).ok();
  EXPECT_EQ(file->ReadAt(UINT64_MAX - 2, 4, bytes, &read).code(), Code::kIoError);
  EXPECT_FALSE(file->ReadAtNoWait(UINT64_MAX - 2, 4, bytes, &read).ok());
  EXPECT_EQ(file->ReadAtNoWait(0, 4, bytes, &read).ok(), works);
}

#if defined(__linux__)
TEST(PosixFile, FullDevicesAreNoSpace) {
  std::unique_ptr<File> file;
  ASSERT_TRUE(PosixFileSystem()->Open("/dev/full", OpenMode::kReadWrite, &file).ok());
  const Status status = file->WriteAt(0, "text");
  EXPECT_EQ(status.code(), Code::kNoSpace);
  EXPECT_EQ(status.file(), "/dev/full");
  EXPECT_TRUE(status.has_offset());
}
#endif

TEST(PosixFile, IsReadAndSyncedWhileItIsWritten) {
  const TemporaryDirectory directory;
  std::unique_ptr<File> file;
  ASSERT_TRUE(PosixFileSystem()->Open(directory / "a", OpenMode::kCreateExclusive, &file).ok());
  std::atomic<uint64_t> written{0};
  constexpr uint64_t kBlocks = 200, kBlockBytes = 1000;
  std::thread syncer([&] {
    while (written.load() < kBlocks) EXPECT_TRUE(file->SyncData().ok());
  });
  std::thread reader([&] {
    std::string bytes(kBlockBytes, '\0');
    while (written.load() < kBlocks) {
      const uint64_t blocks = written.load();
      if (blocks == 0) continue;
      size_t read = 0;
      EXPECT_TRUE(file->ReadAt((blocks - 1) * kBlockBytes, kBlockBytes, bytes.data(), &read).ok());
      EXPECT_EQ(bytes, std::string(kBlockBytes, static_cast<char>('a' + blocks % 26)));
    }
  });
  for (uint64_t block = 1; block <= kBlocks; ++block) {
    const std::string bytes(kBlockBytes, static_cast<char>('a' + block % 26));
    EXPECT_TRUE(file->WriteAt((block - 1) * kBlockBytes, bytes).ok());
    written.store(block);
  }
  syncer.join();
  reader.join();
}

}  // namespace
}  // namespace varve
