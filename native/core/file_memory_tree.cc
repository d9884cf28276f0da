#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>
#include <utility>

#include "core/file_memory_impl.h"

namespace varve {

using memory::Node;
using memory::NodePointer;
using memory::Place;

namespace {

// Every file system is a device of its own, as databases are told apart by (device, inode).
// Process-wide; it never reaches the bytes of a file.
uint64_t NewDevice() {
  static std::atomic<uint64_t> made{0};
  return (uint64_t{1} << 40) + made.fetch_add(1, std::memory_order_relaxed);
}

// The names of a path. Empty ones and "." mean nothing.
std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> names;
  for (size_t start = 0; start < path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    std::string name = path.substr(start, end - start);
    if (!name.empty() && name != ".") names.push_back(std::move(name));
    start = end + 1;
  }
  return names;
}

void CollectFiles(const NodePointer& node, std::set<const Node*>* files) {
  if (!node->is_directory) files->insert(node.get());
  for (const auto& [name, child] : node->names) CollectFiles(child, files);
}

}  // namespace

MemoryFileSystem::Impl::Impl() : device(NewDevice()), root(NewNode(true)) {}

Status MemoryFileSystem::Impl::Count(memory::Operation operation, const char* what,
                                     const std::string& path) {
  if ((faults.operations & operation) == 0) return Status::Ok();
  ++calls;
  if (faults.at_call == 0 || calls < faults.at_call) return Status::Ok();
  if (calls > faults.at_call && !faults.forever) return Status::Ok();
  return Status::FromErrno(faults.os_error, what, path);
}

Status MemoryFileSystem::Impl::Find(const char* what, const std::string& path, Place* place) const {
  *place = {root, "", root};
  for (std::string& name : Split(path)) {
    if (place->node == nullptr) return Status::FromErrno(ENOENT, what, path);
    if (!place->node->is_directory) return Status::FromErrno(ENOTDIR, what, path);
    place->directory = place->node;
    const auto found = place->directory->names.find(name);
    place->node = found == place->directory->names.end() ? nullptr : found->second;
    place->name = std::move(name);
  }
  return Status::Ok();
}

Status MemoryFileSystem::Impl::FindExisting(const char* what, const std::string& path,
                                            Place* place) const {
  VARVE_TRY(Find(what, path, place));
  return place->node != nullptr ? Status::Ok() : Status::FromErrno(ENOENT, what, path);
}

Status MemoryFileSystem::Impl::FindDirectory(const char* what, const std::string& path,
                                             NodePointer* node) const {
  Place place;
  VARVE_TRY(FindExisting(what, path, &place));
  if (!place.node->is_directory) return Status::FromErrno(ENOTDIR, what, path);
  *node = place.node;
  return Status::Ok();
}

NodePointer MemoryFileSystem::Impl::NewNode(bool is_directory) {
  auto node = std::make_shared<Node>();
  node->number = ++nodes_made;
  node->is_directory = is_directory;
  node->modified = ++ticks;
  return node;
}

void MemoryFileSystem::Impl::SetName(const NodePointer& directory, const std::string& name,
                                     NodePointer node, uint64_t group) {
  if (node != nullptr) {
    directory->names[name] = node;
  } else {
    directory->names.erase(name);
  }
  directory->modified = ++ticks;
  changes.push_back({group, directory, name, std::move(node)});
}

uint64_t MemoryFileSystem::Impl::BytesInUse() const {
  std::set<const Node*> files;
  CollectFiles(root, &files);
  for (const auto& [node, count] : handles) files.insert(node);
  uint64_t bytes = 0;
  for (const Node* file : files) bytes += file->image.size();
  return bytes;
}

uint64_t MemoryFileSystem::Impl::SizeAllowed(const Node& node, uint64_t size) const {
  if (capacity == 0 || size <= node.image.size()) return size;
  const uint64_t in_use = BytesInUse();
  const uint64_t free = capacity > in_use ? capacity - in_use : 0;
  return std::min(size, node.image.size() + free);
}

void MemoryFileSystem::Impl::CloseEverything() {
  ++generation;
  handles.clear();
  locks.clear();
}

}  // namespace varve
