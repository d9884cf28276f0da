// MemoryFileSystem inside: the tree of names and nodes. For file_memory*.cc only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file_memory.h"
#include "core/file_memory_image.h"

namespace varve {
namespace memory {

// The bits of FaultPlan::operations.
enum Operation : uint32_t {
  kOpen = 1,
  kRead = 2,
  kWrite = 4,
  kSync = 8,
  kResize = 16,
  kName = 32,
  kDirectorySync = 64,
  kInspect = 128,
};

struct Node;
using NodePointer = std::shared_ptr<Node>;
using Names = std::map<std::string, NodePointer>;

struct Node {
  uint64_t number = 0;
  bool is_directory = false;
  int64_t modified = 0;
  MemoryImage image;   // of a file
  Names names;         // of a directory, as lookups see them
  Names synced_names;  // as a power cut leaves them
};

// A name that was set, or removed (no node), and is not synced. Changes of one group are
// kept or lost together: a rename is one.
struct Change {
  uint64_t group;
  NodePointer directory;
  std::string name;
  NodePointer node;
};

// A path taken apart: where its last name is to be looked up.
struct Place {
  NodePointer directory;
  std::string name;  // empty: the root itself
  NodePointer node;  // nullptr: nothing there
};

}  // namespace memory

// Handles share it, so they may outlive the file system.
// Thread safety: `mutex` around every method and member.
struct MemoryFileSystem::Impl {
  Impl();

  // Counts a call; not ok when the fault plan says that it fails.
  Status Count(memory::Operation operation, const char* what, const std::string& path);
  // Not ok when a directory on the way is missing or none.
  Status Find(const char* what, const std::string& path, memory::Place* place) const;
  Status FindExisting(const char* what, const std::string& path, memory::Place* place) const;
  Status FindDirectory(const char* what, const std::string& path, memory::NodePointer* node) const;

  memory::NodePointer NewNode(bool is_directory);
  void SetName(const memory::NodePointer& directory, const std::string& name,
               memory::NodePointer node, uint64_t group);
  uint64_t BytesInUse() const;
  // How far `node` may grow towards `size`.
  uint64_t SizeAllowed(const memory::Node& node, uint64_t size) const;
  void CloseEverything();

  mutable std::mutex mutex;
  const uint64_t device;
  uint64_t nodes_made = 0;
  uint64_t groups_made = 0;
  int64_t ticks = 0;        // modified_ms: there is no clock here
  uint64_t generation = 1;  // of handles: those of an older one are dead
  memory::NodePointer root;
  std::vector<memory::Change> changes;         // in the order they were made
  std::map<const memory::Node*, int> handles;  // open files
  std::map<uint64_t, int> locks;               // node number → shared holders, -1 exclusive
  FaultPlan faults;
  uint64_t calls = 0;
  uint64_t capacity = 0;
  bool cold = false;
};

namespace memory {

using ImplPointer = std::shared_ptr<MemoryFileSystem::Impl>;

// REQUIRES: the mutex is held.
Status OpenFile(const ImplPointer& impl, const std::string& path, OpenMode mode,
                std::unique_ptr<File>* file);
Status TakeLock(const ImplPointer& impl, const std::string& path, bool exclusive, Slice owner,
                std::unique_ptr<FileLock>* lock);

}  // namespace memory
}  // namespace varve
