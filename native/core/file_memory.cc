#include "core/file_memory.h"

#include <cerrno>
#include <utility>

#include "core/file_memory_impl.h"

namespace varve {

using memory::NodePointer;
using memory::Place;

MemoryFileSystem::MemoryFileSystem() : impl_(std::make_shared<Impl>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Status MemoryFileSystem::Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* file) {
  // Outside the lock: replacing *file may close one of this file system.
  std::unique_ptr<File> opened;
  {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    VARVE_TRY(impl_->Count(memory::kOpen, "cannot open", path));
    VARVE_TRY(memory::OpenFile(impl_, path, mode, &opened));
  }
  *file = std::move(opened);
  return Status::Ok();
}

Status MemoryFileSystem::Stat(const std::string& path, FileStat* stat) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kInspect, "cannot stat", path));
  Place place;
  VARVE_TRY(impl_->FindExisting("cannot stat", path, &place));
  constexpr uint64_t kSector = memory::MemoryImage::kSectorBytes;
  stat->size = place.node->image.size();
  stat->allocated_bytes = (stat->size + kSector - 1) / kSector * kSector;
  stat->device = impl_->device;
  stat->inode = place.node->number;
  stat->modified_ms = place.node->modified;
  stat->is_directory = place.node->is_directory;
  return Status::Ok();
}

Status MemoryFileSystem::List(const std::string& directory, std::vector<std::string>* names) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  names->clear();
  VARVE_TRY(impl_->Count(memory::kInspect, "cannot list", directory));
  NodePointer node;
  VARVE_TRY(impl_->FindDirectory("cannot list", directory, &node));
  for (const auto& [name, child] : node->names) names->push_back(name);
  return Status::Ok();
}

Status MemoryFileSystem::MakeDirectory(const std::string& path) {
  constexpr const char* kWhat = "cannot make the directory";
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kName, kWhat, path));
  Place place;
  VARVE_TRY(impl_->Find(kWhat, path, &place));
  if (place.node != nullptr) {
    return place.node->is_directory ? Status::Ok() : Status::FromErrno(EEXIST, kWhat, path);
  }
  impl_->SetName(place.directory, place.name, impl_->NewNode(true), ++impl_->groups_made);
  return Status::Ok();
}

namespace {

// Why `from` may not take the place of `to`; 0 when it may.
int RenameError(const Place& from, const Place& to) {
  if (from.name.empty() || to.name.empty()) return EBUSY;
  if (to.node == nullptr) return 0;
  if (from.node->is_directory && !to.node->is_directory) return ENOTDIR;
  if (!from.node->is_directory && to.node->is_directory) return EISDIR;
  return to.node->names.empty() ? 0 : ENOTEMPTY;
}

bool Contains(const NodePointer& node, const NodePointer& inner) {
  if (node == inner) return true;
  for (const auto& [name, child] : node->names) {
    if (Contains(child, inner)) return true;
  }
  return false;
}

}  // namespace

Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  constexpr const char* kWhat = "cannot rename";
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kName, kWhat, from));
  Place source, target;
  VARVE_TRY(impl_->FindExisting(kWhat, from, &source));
  VARVE_TRY(impl_->Find(kWhat, to, &target));
  if (source.node == target.node) return Status::Ok();
  if (const int error = RenameError(source, target); error != 0) {
    return Status::FromErrno(error, kWhat, from);
  }
  if (Contains(source.node, target.directory)) return Status::FromErrno(EINVAL, kWhat, from);
  const uint64_t group = ++impl_->groups_made;
  impl_->SetName(source.directory, source.name, nullptr, group);
  impl_->SetName(target.directory, target.name, source.node, group);
  return Status::Ok();
}

Status MemoryFileSystem::Link(const std::string& from, const std::string& to) {
  constexpr const char* kWhat = "cannot link";
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kName, kWhat, to));
  Place source, target;
  VARVE_TRY(impl_->FindExisting(kWhat, from, &source));
  VARVE_TRY(impl_->Find(kWhat, to, &target));
  if (target.node != nullptr) return Status::FromErrno(EEXIST, kWhat, to);
  if (source.node->is_directory) return Status::FromErrno(EPERM, kWhat, to);
  impl_->SetName(target.directory, target.name, source.node, ++impl_->groups_made);
  return Status::Ok();
}

Status MemoryFileSystem::Unlink(const std::string& path) {
  constexpr const char* kWhat = "cannot unlink";
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kName, kWhat, path));
  Place place;
  VARVE_TRY(impl_->FindExisting(kWhat, path, &place));
  if (place.node->is_directory) return Status::FromErrno(EISDIR, kWhat, path);
  impl_->SetName(place.directory, place.name, nullptr, ++impl_->groups_made);
  return Status::Ok();
}

Status MemoryFileSystem::RemoveDirectory(const std::string& path) {
  constexpr const char* kWhat = "cannot remove the directory";
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kName, kWhat, path));
  Place place;
  VARVE_TRY(impl_->FindExisting(kWhat, path, &place));
  if (!place.node->is_directory) return Status::FromErrno(ENOTDIR, kWhat, path);
  if (place.name.empty()) return Status::FromErrno(EBUSY, kWhat, path);
  if (!place.node->names.empty()) return Status::FromErrno(ENOTEMPTY, kWhat, path);
  impl_->SetName(place.directory, place.name, nullptr, ++impl_->groups_made);
  return Status::Ok();
}

Status MemoryFileSystem::SyncDirectory(const std::string& path) {
  constexpr const char* kWhat = "cannot sync the directory";
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kDirectorySync, kWhat, path));
  NodePointer node;
  VARVE_TRY(impl_->FindDirectory(kWhat, path, &node));
  node->synced_names = node->names;
  std::erase_if(impl_->changes,
                [&](const memory::Change& change) { return change.directory == node; });
  return Status::Ok();
}

Status MemoryFileSystem::Lock(const std::string& path, bool exclusive, Slice owner,
                              std::unique_ptr<FileLock>* lock) {
  std::unique_ptr<FileLock> taken;
  {
    const std::lock_guard<std::mutex> guard(impl_->mutex);
    VARVE_TRY(impl_->Count(memory::kInspect, "cannot lock", path));
    VARVE_TRY(memory::TakeLock(impl_, path, exclusive, owner, &taken));
  }
  *lock = std::move(taken);
  return Status::Ok();
}

Status MemoryFileSystem::FreeBytes(const std::string& path, uint64_t* bytes) {
  constexpr uint64_t kUnlimited = uint64_t{1} << 40;
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  VARVE_TRY(impl_->Count(memory::kInspect, "cannot stat the file system", path));
  Place place;
  VARVE_TRY(impl_->FindExisting("cannot stat the file system", path, &place));
  const uint64_t in_use = impl_->BytesInUse();
  const uint64_t capacity = impl_->capacity == 0 ? in_use + kUnlimited : impl_->capacity;
  *bytes = capacity > in_use ? capacity - in_use : 0;
  return Status::Ok();
}

}  // namespace varve
