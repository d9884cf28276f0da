#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>

#include "core/file_posix.h"
#include "core/immortal.h"

static_assert(sizeof(off_t) == 8, "build with _FILE_OFFSET_BITS=64");

namespace varve::posix {
namespace {

// Some kernels refuse more in one call.
constexpr size_t kTransferBytesMax = size_t{1} << 30;

#if defined(__linux__)
// By number and not by name: prebuilt binaries are made with C libraries older than the
// call, and run on kernels that have it.
#if defined(SYS_preadv2)
constexpr long kPreadv2 = SYS_preadv2;
#elif defined(__x86_64__)
constexpr long kPreadv2 = 327;
#else
constexpr long kPreadv2 = 286;  // the generic table: arm64, riscv64
#endif
constexpr int kNoWait = 0x8;  // RWF_NOWAIT
#endif

// Whether reads without waiting work on a device. False once and for ever after the first
// refusal: the system call would be wasted on every read. Process-wide, one entry per
// device that was ever opened; the mutex guards the map, its flags are atomic and stay.
std::atomic<bool>* NoWaitWorks(uint64_t device) {
  static Immortal<std::mutex> mutex;
  static Immortal<std::map<uint64_t, std::atomic<bool>>> devices;
  const std::lock_guard<std::mutex> guard(*mutex.get());
  return &devices->try_emplace(device, true).first->second;
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, int descriptor, uint64_t device)
      : File(std::move(path)), descriptor_(descriptor), nowait_works_(NoWaitWorks(device)) {}
  ~PosixFile() override { close(descriptor_); }

  Status ReadAt(uint64_t offset, size_t size, char* to, size_t* read) const override;
  Status ReadAtNoWait(uint64_t offset, size_t size, char* to, size_t* read) const override;
  Status WriteAt(uint64_t offset, Slice bytes) override;
  Status SyncData() override;
  Status Sync() override;
  void StartWriteback(uint64_t offset, uint64_t size) override;
  Status Allocate(uint64_t size) override;
  Status Truncate(uint64_t size) override;
  Status Size(uint64_t* size) const override;
  void AdviseSequential(uint64_t offset, uint64_t size) const override;

 private:
  Status Error(const char* what) const { return Status::FromErrno(errno, what, path()); }
  Status ErrorAt(const char* what, uint64_t offset) const {
    Status status = Error(what);
    status.At(path(), offset);
    return status;
  }
  // Grows to `size`; blocks are reserved only as far as the file system does by itself.
  Status Grow(uint64_t size);
  template <typename Call>
  Status SyncOnce(const Call& call);

  const int descriptor_;
  std::atomic<bool>* const nowait_works_;
  // The kernel reports a failed writeback once per descriptor: of two syncs at a time the
  // second would succeed without its data, so there is one at a time.
  std::mutex sync_mutex_;
  int sync_error_ = 0;
};

Status PosixFile::ReadAt(uint64_t offset, size_t size, char* to, size_t* read) const {
  *read = 0;
  while (*read < size) {
    const size_t part = std::min(size - *read, kTransferBytesMax);
    const off_t from = static_cast<off_t>(offset + *read);
    const ssize_t got = Uninterrupted([&] { return pread(descriptor_, to + *read, part, from); });
    if (got < 0) return ErrorAt("cannot read", offset + *read);
    if (got == 0) break;
    *read += static_cast<size_t>(got);
  }
  return Status::Ok();
}

Status PosixFile::ReadAtNoWait(uint64_t offset, size_t size, char* to, size_t* read) const {
  *read = 0;
#if defined(__linux__)
  if (!nowait_works_->load(std::memory_order_relaxed)) return Status::WouldBlock();
  iovec vector{to, std::min(size, kTransferBytesMax)};
  const long got = Uninterrupted(
      [&] { return syscall(kPreadv2, descriptor_, &vector, 1, offset, uint64_t{0}, kNoWait); });
  if (got < 0) {
    if (errno == EAGAIN) return Status::WouldBlock();
    // EPERM is what seccomp filters answer, EINVAL what kernels do that know the call and
    // not the flag; but a damaged offset is EINVAL too.
    const bool plausible = offset <= INT64_MAX - size;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM ||
        (errno == EINVAL && plausible)) {
      nowait_works_->store(false, std::memory_order_relaxed);
      return Status::WouldBlock();
    }
    return ErrorAt("cannot read", offset);
  }
  if (static_cast<size_t>(got) < size) {
    // The end of the file, or of what is in memory: some kernels answer 0 for the latter too.
    uint64_t file_size = 0;
    VARVE_TRY(Size(&file_size));
    if (offset + static_cast<uint64_t>(got) < file_size) return Status::WouldBlock();
  }
  *read = static_cast<size_t>(got);
  return Status::Ok();
#else
  (void)offset, (void)size, (void)to;
  return Status::WouldBlock();
#endif
}

Status PosixFile::WriteAt(uint64_t offset, Slice bytes) {
  while (!bytes.empty()) {
    const size_t part = std::min(bytes.size(), kTransferBytesMax);
    const ssize_t put = Uninterrupted(
        [&] { return pwrite(descriptor_, bytes.data(), part, static_cast<off_t>(offset)); });
    if (put == 0) errno = EIO;
    if (put <= 0) return ErrorAt("cannot write", offset);
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return Status::Ok();
}

template <typename Call>
Status PosixFile::SyncOnce(const Call& call) {
  const std::lock_guard<std::mutex> guard(sync_mutex_);
  if (sync_error_ == 0 && Uninterrupted(call) == -1) sync_error_ = errno;
  if (sync_error_ == 0) return Status::Ok();
  return Status::FromErrno(sync_error_, "cannot sync", path());
}

Status PosixFile::SyncData() {
#if defined(__linux__)
  return SyncOnce([this] { return fdatasync(descriptor_); });
#else
  return Sync();
#endif
}

Status PosixFile::Sync() {
  return SyncOnce([this] { return SyncDescriptor(descriptor_); });
}

void PosixFile::StartWriteback(uint64_t offset, uint64_t size) {
#if defined(__linux__)
  // A hint. Errors of the writeback itself are kept for the sync that follows.
  (void)sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                        SYNC_FILE_RANGE_WRITE);
#else
  (void)offset, (void)size;
#endif
}

Status PosixFile::Allocate(uint64_t size) {
  if (size == 0) return Status::Ok();
#if defined(__linux__)
  const auto reserve = [&] { return fallocate(descriptor_, 0, 0, static_cast<off_t>(size)); };
  if (Uninterrupted(reserve) == 0) return Status::Ok();
  if (errno != EOPNOTSUPP && errno != ENOSYS) return Error("cannot reserve space");
#elif defined(__APPLE__)
  uint64_t present = 0;
  VARVE_TRY(Size(&present));
  if (present >= size) return Status::Ok();
  fstore_t store{F_ALLOCATEALL, F_PEOFPOSMODE, 0, static_cast<off_t>(size - present), 0};
  if (fcntl(descriptor_, F_PREALLOCATE, &store) == -1 && errno == ENOSPC) {
    return Error("cannot reserve space");
  }
#endif
  return Grow(size);
}

Status PosixFile::Grow(uint64_t size) {
  uint64_t present = 0;
  VARVE_TRY(Size(&present));
  return present < size ? Truncate(size) : Status::Ok();
}

Status PosixFile::Truncate(uint64_t size) {
  const auto truncate = [&] { return ftruncate(descriptor_, static_cast<off_t>(size)); };
  return Uninterrupted(truncate) == -1 ? Error("cannot truncate") : Status::Ok();
}

Status PosixFile::Size(uint64_t* size) const {
  struct stat stat;
  if (fstat(descriptor_, &stat) == -1) return Error("cannot stat");
  *size = static_cast<uint64_t>(stat.st_size);
  return Status::Ok();
}

void PosixFile::AdviseSequential(uint64_t offset, uint64_t size) const {
#if defined(__linux__)
  // Not POSIX_FADV_SEQUENTIAL: that would change the readahead of point reads through the
  // same descriptor as well.
  (void)posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                      POSIX_FADV_WILLNEED);
#elif defined(__APPLE__)
  radvisory advice{static_cast<off_t>(offset),
                   static_cast<int>(std::min<uint64_t>(size, kTransferBytesMax))};
  (void)fcntl(descriptor_, F_RDADVISE, &advice);
#else
  (void)offset, (void)size;
#endif
}

int OpenFlags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreateExclusive:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kCreateTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

}  // namespace

int SyncDescriptor(int descriptor) {
#if defined(__APPLE__)
  // fsync leaves the data in the drive's own cache there. Not every file system knows better.
  if (fcntl(descriptor, F_FULLFSYNC) == 0) return 0;
  if (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY) return -1;
#endif
  return fsync(descriptor);
}

Status OpenFile(const std::string& path, OpenMode mode, std::unique_ptr<File>* file) {
  const int flags = OpenFlags(mode) | O_CLOEXEC;
  const int descriptor = Uninterrupted([&] { return open(path.c_str(), flags, 0644); });
  if (descriptor == -1) return Status::FromErrno(errno, "cannot open", path);
  struct stat stat;
  int error = fstat(descriptor, &stat) == -1 ? errno : 0;
  if (error == 0 && S_ISDIR(stat.st_mode)) error = EISDIR;
  if (error != 0) {
    close(descriptor);
    return Status::FromErrno(error, "cannot open", path);
  }
  *file = std::make_unique<PosixFile>(path, descriptor, static_cast<uint64_t>(stat.st_dev));
  return Status::Ok();
}

}  // namespace varve::posix
