#include "core/file_posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/immortal.h"

namespace varve {
namespace {

Status Outcome(int result, const char* what, const std::string& path) {
  return result == -1 ? Status::FromErrno(errno, what, path) : Status::Ok();
}

int64_t ModifiedMs(const struct stat& stat) {
#if defined(__APPLE__)
  const timespec& modified = stat.st_mtimespec;
#else
  const timespec& modified = stat.st_mtim;
#endif
  return static_cast<int64_t>(modified.tv_sec) * 1000 + modified.tv_nsec / 1000000;
}

class PosixFileSystemImpl final : public FileSystem {
 public:
  Status Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* file) override {
    return posix::OpenFile(path, mode, file);
  }

  Status Stat(const std::string& path, FileStat* stat) override;
  Status List(const std::string& directory, std::vector<std::string>* names) override;
  Status MakeDirectory(const std::string& path) override;

  Status Rename(const std::string& from, const std::string& to) override {
    return Outcome(rename(from.c_str(), to.c_str()), "cannot rename", from);
  }

  Status Link(const std::string& from, const std::string& to) override {
    return Outcome(link(from.c_str(), to.c_str()), "cannot link", to);
  }

  Status Unlink(const std::string& path) override {
    return Outcome(unlink(path.c_str()), "cannot unlink", path);
  }

  Status RemoveDirectory(const std::string& path) override {
    return Outcome(rmdir(path.c_str()), "cannot remove the directory", path);
  }

  Status SyncDirectory(const std::string& path) override;

  Status Lock(const std::string& path, bool exclusive, Slice owner,
              std::unique_ptr<FileLock>* lock) override {
    return posix::LockFile(path, exclusive, owner, lock);
  }

  Status FreeBytes(const std::string& path, uint64_t* bytes) override;
};

Status PosixFileSystemImpl::Stat(const std::string& path, FileStat* stat) {
  struct stat system;
  VARVE_TRY(Outcome(::stat(path.c_str(), &system), "cannot stat", path));
  stat->size = static_cast<uint64_t>(system.st_size);
  stat->allocated_bytes = static_cast<uint64_t>(system.st_blocks) * 512;
  stat->device = static_cast<uint64_t>(system.st_dev);
  stat->inode = static_cast<uint64_t>(system.st_ino);
  stat->modified_ms = ModifiedMs(system);
  stat->is_directory = S_ISDIR(system.st_mode);
  return Status::Ok();
}

Status PosixFileSystemImpl::List(const std::string& directory, std::vector<std::string>* names) {
  names->clear();
  DIR* const stream = opendir(directory.c_str());
  if (stream == nullptr) return Status::FromErrno(errno, "cannot list", directory);
  int error = 0;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(stream);
    if (entry == nullptr) {
      error = errno;
      break;
    }
    const Slice name(entry->d_name);
    if (name != "." && name != "..") names->emplace_back(name);
  }
  closedir(stream);
  if (error != 0) return Status::FromErrno(error, "cannot list", directory);
  std::sort(names->begin(), names->end());
  return Status::Ok();
}

Status PosixFileSystemImpl::MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) == 0) return Status::Ok();
  const int error = errno;
  struct stat stat;
  if (error == EEXIST && ::stat(path.c_str(), &stat) == 0 && S_ISDIR(stat.st_mode)) {
    return Status::Ok();
  }
  return Status::FromErrno(error, "cannot make the directory", path);
}

Status PosixFileSystemImpl::SyncDirectory(const std::string& path) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const int descriptor = posix::Uninterrupted([&] { return open(path.c_str(), flags); });
  if (descriptor == -1) return Status::FromErrno(errno, "cannot open", path);
  const int result = posix::Uninterrupted([&] { return posix::SyncDescriptor(descriptor); });
  const int error = errno;
  close(descriptor);
  // EINVAL: a file system whose directories cannot be synced; there is no more to be had.
  if (result == 0 || error == EINVAL) return Status::Ok();
  return Status::FromErrno(error, "cannot sync the directory", path);
}

Status PosixFileSystemImpl::FreeBytes(const std::string& path, uint64_t* bytes) {
  struct statvfs system;
  const int result = posix::Uninterrupted([&] { return statvfs(path.c_str(), &system); });
  VARVE_TRY(Outcome(result, "cannot stat the file system", path));
  *bytes = static_cast<uint64_t>(system.f_bavail) * system.f_frsize;
  return Status::Ok();
}

}  // namespace

FileSystem* PosixFileSystem() {
  static Immortal<PosixFileSystemImpl> file_system;
  return file_system.get();
}

}  // namespace varve
