#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <utility>

#include "core/file_posix.h"
#include "core/immortal.h"

namespace varve::posix {
namespace {

constexpr size_t kOwnerBytesMax = 4096;

using FileKey = std::pair<uint64_t, uint64_t>;  // device, inode

// Locks held by this process. `holders` counts shared ones; kExclusive is one alone. The
// mutex is held over taking and giving back, the system's lock included.
struct LockTable {
  static constexpr int kExclusive = -1;
  std::mutex mutex;
  std::map<FileKey, int> holders;
};

LockTable* Table() {
  static Immortal<LockTable> table;
  return table.get();
}

// Both kinds belong to the open file, not to the process: closing another descriptor of
// the file does not drop them, and two opens in one process exclude each other.
int TakeSystemLock(int descriptor, bool exclusive) {
#if defined(__linux__)
#if !defined(F_OFD_SETLK)
  constexpr int F_OFD_SETLK = 37;
#endif
  struct flock request {};
  request.l_type = exclusive ? F_WRLCK : F_RDLCK;
  request.l_whence = SEEK_SET;
  const int result = Uninterrupted([&] { return fcntl(descriptor, F_OFD_SETLK, &request); });
  if (result == 0 || errno != EINVAL) return result;  // EINVAL: a kernel without them
#endif
  return Uninterrupted(
      [&] { return flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB); });
}

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(int descriptor, FileKey key, bool exclusive)
      : descriptor_(descriptor), key_(key), exclusive_(exclusive) {}

  ~PosixFileLock() override {
    LockTable* const table = Table();
    const std::lock_guard<std::mutex> guard(table->mutex);
    // So that a later holder of a shared lock is not taken for this one.
    if (exclusive_ && ftruncate(descriptor_, 0) == -1) errno = 0;
    close(descriptor_);
    int& holders = table->holders[key_];
    if (exclusive_ || --holders == 0) table->holders.erase(key_);
  }

 private:
  const int descriptor_;
  const FileKey key_;
  const bool exclusive_;
};

// What a shared lock on an absent file is.
class NoLock final : public FileLock {};

Status LockedBy(int descriptor, const std::string& path) {
  std::string owner(kOwnerBytesMax, '\0');
  const ssize_t read =
      Uninterrupted([&] { return pread(descriptor, owner.data(), owner.size(), 0); });
  owner.resize(read > 0 ? static_cast<size_t>(read) : 0);
  Status status(Code::kLocked, std::move(owner));
  status.InFile(path);
  return status;
}

Status WriteOwner(int descriptor, const std::string& path, Slice owner) {
  const ssize_t put =
      Uninterrupted([&] { return pwrite(descriptor, owner.data(), owner.size(), 0); });
  if (put < 0) {
    // It is for people; a full disk must still open, or nothing could be deleted.
    if (errno == ENOSPC || errno == EDQUOT) return Status::Ok();
    return Status::FromErrno(errno, "cannot write", path);
  }
  if (ftruncate(descriptor, put) == -1) return Status::FromErrno(errno, "cannot truncate", path);
  return Status::Ok();
}

Status TakeLock(int descriptor, const std::string& path, bool exclusive, Slice owner,
                std::unique_ptr<FileLock>* lock) {
  struct stat stat;
  if (fstat(descriptor, &stat) == -1) return Status::FromErrno(errno, "cannot stat", path);
  const FileKey key(stat.st_dev, stat.st_ino);
  LockTable* const table = Table();
  const std::lock_guard<std::mutex> guard(table->mutex);
  const auto held = table->holders.find(key);
  if (held != table->holders.end() && (exclusive || held->second == LockTable::kExclusive)) {
    return LockedBy(descriptor, path);
  }
  if (TakeSystemLock(descriptor, exclusive) == -1) {
    if (errno == EAGAIN || errno == EACCES) return LockedBy(descriptor, path);
    return Status::FromErrno(errno, "cannot lock", path);
  }
  if (exclusive) VARVE_TRY(WriteOwner(descriptor, path, owner));
  int& holders = table->holders[key];
  holders = exclusive ? LockTable::kExclusive : holders + 1;
  *lock = std::make_unique<PosixFileLock>(descriptor, key, exclusive);
  return Status::Ok();
}

}  // namespace

Status LockFile(const std::string& path, bool exclusive, Slice owner,
                std::unique_ptr<FileLock>* lock) {
  const int flags = (exclusive ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC;
  const int descriptor = Uninterrupted([&] { return open(path.c_str(), flags, 0644); });
  if (descriptor == -1) {
    if (exclusive || errno != ENOENT) return Status::FromErrno(errno, "cannot open", path);
    *lock = std::make_unique<NoLock>();
    return Status::Ok();
  }
  Status status = TakeLock(descriptor, path, exclusive, owner, lock);
  if (!status.ok()) close(descriptor);
  return status;
}

}  // namespace varve::posix
