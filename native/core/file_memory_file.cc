#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/file_memory_impl.h"

namespace varve::memory {
namespace {

class MemoryFile final : public File {
 public:
  MemoryFile(ImplPointer impl, const std::string& path, NodePointer node, bool writable)
      : File(path),
        impl_(std::move(impl)),
        node_(std::move(node)),
        generation_(impl_->generation),
        writable_(writable) {
    ++impl_->handles[node_.get()];
  }

  ~MemoryFile() override {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    if (generation_ != impl_->generation) return;
    if (--impl_->handles[node_.get()] == 0) impl_->handles.erase(node_.get());
  }

  Status ReadAt(uint64_t offset, size_t size, char* to, size_t* read) const override {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    return Read(offset, size, to, read);
  }

  Status ReadAtNoWait(uint64_t offset, size_t size, char* to, size_t* read) const override {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    VARVE_TRY(Read(offset, size, to, read));
    if (!impl_->cold) return Status::Ok();
    *read = 0;
    return Status::WouldBlock();
  }

  Status WriteAt(uint64_t offset, Slice bytes) override;
  Status SyncData() override { return Sync(); }
  Status Sync() override;
  void StartWriteback(uint64_t, uint64_t) override {}
  Status Allocate(uint64_t size) override;
  Status Truncate(uint64_t size) override;
  Status Size(uint64_t* size) const override;
  void AdviseSequential(uint64_t, uint64_t) const override {}

 private:
  // All REQUIRE the mutex.
  Status Begin(Operation operation, const char* what) const;
  Status BeginChange(Operation operation, const char* what) const;
  Status Read(uint64_t offset, size_t size, char* to, size_t* read) const;
  void Write(uint64_t offset, Slice bytes);
  void Resize(uint64_t size);

  const ImplPointer impl_;
  const NodePointer node_;
  const uint64_t generation_;
  const bool writable_;
  int sync_error_ = 0;
};

Status MemoryFile::Begin(Operation operation, const char* what) const {
  if (generation_ == impl_->generation) return impl_->Count(operation, what, path());
  Status status(Code::kIoError, "it was open when the system stopped");
  status.InFile(path());
  return status;
}

Status MemoryFile::BeginChange(Operation operation, const char* what) const {
  VARVE_TRY(Begin(operation, what));
  return writable_ ? Status::Ok() : Status::FromErrno(EBADF, what, path());
}

Status MemoryFile::Read(uint64_t offset, size_t size, char* to, size_t* read) const {
  *read = 0;
  Status status = Begin(kRead, "cannot read");
  if (!status.ok()) return status.At(path(), offset);
  if (offset < node_->image.size()) *read = node_->image.bytes().copy(to, size, offset);
  return Status::Ok();
}

void MemoryFile::Write(uint64_t offset, Slice bytes) {
  node_->image.Write(offset, bytes);
  node_->modified = ++impl_->ticks;
}

void MemoryFile::Resize(uint64_t size) {
  node_->image.Resize(size);
  node_->modified = ++impl_->ticks;
}

Status MemoryFile::WriteAt(uint64_t offset, Slice bytes) {
  if (bytes.empty()) return Status::Ok();
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  const bool alive = generation_ == impl_->generation && writable_;
  Status status = BeginChange(kWrite, "cannot write");
  if (!status.ok()) {
    if (alive && impl_->faults.short_write) Write(offset, bytes.substr(0, bytes.size() / 2));
    return status.At(path(), offset);
  }
  const uint64_t end = impl_->SizeAllowed(*node_, offset + bytes.size());
  const uint64_t room = end > offset ? end - offset : 0;
  Write(offset, bytes.substr(0, room));
  if (room >= bytes.size()) return Status::Ok();
  status = Status::FromErrno(ENOSPC, "cannot write", path());
  return status.At(path(), offset + room);
}

Status MemoryFile::Sync() {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  if (sync_error_ != 0) return Status::FromErrno(sync_error_, "cannot sync", path());
  Status status = Begin(kSync, "cannot sync");
  if (status.ok()) {
    node_->image.Sync();
  } else if (generation_ == impl_->generation) {
    node_->image.FailSync();
    sync_error_ = status.os_error();
  }
  return status;
}

Status MemoryFile::Allocate(uint64_t size) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(BeginChange(kResize, "cannot reserve space"));
  if (size <= node_->image.size()) return Status::Ok();
  if (impl_->SizeAllowed(*node_, size) < size) {
    return Status::FromErrno(ENOSPC, "cannot reserve space", path());
  }
  Resize(size);
  return Status::Ok();
}

Status MemoryFile::Truncate(uint64_t size) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(BeginChange(kResize, "cannot truncate"));
  if (impl_->SizeAllowed(*node_, size) < size) {
    return Status::FromErrno(ENOSPC, "cannot truncate", path());
  }
  Resize(size);
  return Status::Ok();
}

Status MemoryFile::Size(uint64_t* size) const {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(Begin(kInspect, "cannot stat"));
  *size = node_->image.size();
  return Status::Ok();
}

class MemoryLock final : public FileLock {
 public:
  MemoryLock(ImplPointer impl, NodePointer node, bool exclusive)
      : impl_(std::move(impl)),
        node_(std::move(node)),
        generation_(impl_->generation),
        exclusive_(exclusive) {}

  ~MemoryLock() override {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    if (generation_ != impl_->generation) return;
    if (exclusive_) node_->image.Resize(0);
    int& holders = impl_->locks[node_->number];
    if (exclusive_ || --holders == 0) impl_->locks.erase(node_->number);
  }

 private:
  const ImplPointer impl_;
  const NodePointer node_;
  const uint64_t generation_;
  const bool exclusive_;
};

// What a shared lock on an absent file is.
class NoLock final : public FileLock {};

}  // namespace

Status OpenFile(const ImplPointer& impl, const std::string& path, OpenMode mode,
                std::unique_ptr<File>* file) {
  constexpr const char* kWhat = "cannot open";
  Place place;
  VARVE_TRY(impl->Find(kWhat, path, &place));
  if (place.node == nullptr) {
    const bool creates = mode == OpenMode::kCreateExclusive || mode == OpenMode::kCreateTruncate;
    if (!creates) return Status::FromErrno(ENOENT, kWhat, path);
    place.node = impl->NewNode(false);
    impl->SetName(place.directory, place.name, place.node, ++impl->groups_made);
  } else if (mode == OpenMode::kCreateExclusive) {
    return Status::FromErrno(EEXIST, kWhat, path);
  }
  if (place.node->is_directory) return Status::FromErrno(EISDIR, kWhat, path);
  if (mode == OpenMode::kCreateTruncate) place.node->image.Resize(0);
  *file = std::make_unique<MemoryFile>(impl, path, place.node, mode != OpenMode::kRead);
  return Status::Ok();
}

Status TakeLock(const ImplPointer& impl, const std::string& path, bool exclusive, Slice owner,
                std::unique_ptr<FileLock>* lock) {
  constexpr int kExclusive = -1;
  Place place;
  VARVE_TRY(impl->Find("cannot lock", path, &place));
  if (place.node == nullptr && !exclusive) {
    *lock = std::make_unique<NoLock>();
    return Status::Ok();
  }
  if (place.node == nullptr) {
    place.node = impl->NewNode(false);
    impl->SetName(place.directory, place.name, place.node, ++impl->groups_made);
  }
  if (place.node->is_directory) return Status::FromErrno(EISDIR, "cannot lock", path);
  const auto held = impl->locks.find(place.node->number);
  if (held != impl->locks.end() && (exclusive || held->second == kExclusive)) {
    Status status(Code::kLocked, place.node->image.bytes());
    return status.InFile(path);
  }
  int& holders = impl->locks[place.node->number];
  holders = exclusive ? kExclusive : holders + 1;
  if (exclusive) {
    place.node->image.Resize(0);
    place.node->image.Write(0, owner);
  }
  *lock = std::make_unique<MemoryLock>(impl, place.node, exclusive);
  return Status::Ok();
}

}  // namespace varve::memory
