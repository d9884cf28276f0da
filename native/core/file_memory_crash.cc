// Power cuts, and the other ways tests have to disturb and inspect a MemoryFileSystem.
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "core/coding.h"
#include "core/file_memory_impl.h"
#include "core/hash.h"

namespace varve {

using memory::Change;
using memory::Node;
using memory::NodePointer;
using memory::Place;

namespace {

// Which unsynced changes of names reach the disk: none, all, or some. Independent of each
// other and of the order they were made in, as a file system without a journal has it.
void SettleNames(const std::vector<Change>& changes, SeededRandom* random) {
  if (random == nullptr) return;
  const uint64_t choice = random->Below(3);
  uint64_t group = 0;
  bool kept = choice == 1;
  for (const Change& change : changes) {
    if (choice == 2 && change.group != group) kept = random->Coin();
    group = change.group;
    if (!kept) continue;
    if (change.node != nullptr) {
      change.directory->synced_names[change.name] = change.node;
    } else {
      change.directory->synced_names.erase(change.name);
    }
  }
}

void SettleTree(const NodePointer& node, SeededRandom* random, std::set<const Node*>* settled) {
  if (!settled->insert(node.get()).second) return;
  if (!node->is_directory) return node->image.Crash(random);
  node->names = node->synced_names;
  for (const auto& [name, child] : node->names) SettleTree(child, random, settled);
}

void DigestTree(const NodePointer& node, const std::string& path, uint64_t* digest) {
  std::string line;
  PutFixed64(&line, *digest);
  PutLengthPrefixed(&line, path);
  PutFixed16(&line, node->is_directory ? 1 : 0);
  PutFixed64(&line, node->image.size());
  PutFixed64(&line, Hash64(node->image.bytes()));
  *digest = Hash64(line);
  for (const auto& [name, child] : node->names) DigestTree(child, path + "/" + name, digest);
}

}  // namespace

void MemoryFileSystem::Crash(uint64_t seed) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  impl_->CloseEverything();
  SeededRandom seeded(seed);
  SeededRandom* const random = seed == 0 ? nullptr : &seeded;
  SettleNames(impl_->changes, random);
  impl_->changes.clear();
  std::set<const Node*> settled;
  SettleTree(impl_->root, random, &settled);
}

void MemoryFileSystem::Kill() {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  impl_->CloseEverything();
}

void MemoryFileSystem::SetFaults(const FaultPlan& plan) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  impl_->faults = plan;
  impl_->calls = 0;
}

uint64_t MemoryFileSystem::calls() const {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  return impl_->calls;
}

void MemoryFileSystem::SetCapacity(uint64_t bytes) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  impl_->capacity = bytes;
}

void MemoryFileSystem::SetCold(bool cold) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  impl_->cold = cold;
}

Status MemoryFileSystem::Dump(const std::string& path, std::string* contents) const {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  Place place;
  VARVE_TRY(impl_->FindExisting("cannot dump", path, &place));
  if (place.node->is_directory) return Status::FromErrno(EISDIR, "cannot dump", path);
  *contents = place.node->image.bytes();
  return Status::Ok();
}

Status MemoryFileSystem::Overwrite(const std::string& path, Slice contents) {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  Place place;
  VARVE_TRY(impl_->FindExisting("cannot overwrite", path, &place));
  if (place.node->is_directory) return Status::FromErrno(EISDIR, "cannot overwrite", path);
  place.node->image.SetBoth(contents);
  return Status::Ok();
}

uint64_t MemoryFileSystem::Digest() const {
  const std::lock_guard<std::mutex> guard(impl_->mutex);
  uint64_t digest = 0;
  DigestTree(impl_->root, "", &digest);
  return digest;
}

}  // namespace varve
