// MemoryFileSystem: a disk in memory that can lose power and fail on demand.
//
// Each file has two images: what a crash keeps (synced) and what reads see
// (current). Directory entries likewise: a create, rename, link or unlink is durable
// only after SyncDirectory of its parent. Allocate's size counts as metadata
// and is durable with Sync/SyncData.
//
// Every call is counted; the fault plan makes the n-th counted call fail, once
// or from then on. The same calls with the same seed give the same bytes.
//
// Paths are absolute: "/a//b/", "/a/./b" and "a/b" are one, ".." means nothing. The root is
// there; as on a real disk, a file's directory must exist. A rename is kept or
// lost as a whole; other changes of names independently. After a failed sync what was to
// be synced counts as clean: later syncs leave it out until it is written anew.
// Hints (StartWriteback, AdviseSequential), Dump, Overwrite and Digest are not counted, nor
// are calls on handles that a Crash or Kill has closed.
//
// Thread safety: one mutex around everything; it is for tests and simulation.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "core/file.h"

namespace varve {

struct FaultPlan {
  uint64_t at_call = 0;      // 1-based over counted calls since the plan was set; 0 = never
  bool forever = false;      // every counted call from at_call on (else only that one)
  int os_error = 5;          // EIO, ENOSPC, …
  bool short_write = false;  // a write keeps a prefix (half), then fails
  // Bits of which operations count: 1 open/create, 2 read, 4 write, 8 sync,
  // 16 allocate/truncate, 32 rename/link/unlink/mkdir, 64 directory sync,
  // 128 stat/list/lock.
  uint32_t operations = ~0u;
};

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  // FileSystem. ReadAtNoWait fails with kWouldBlock while set_cold(true).
  Status Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* file) override;
  Status Stat(const std::string& path, FileStat* stat) override;
  Status List(const std::string& directory, std::vector<std::string>* names) override;
  Status MakeDirectory(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Link(const std::string& from, const std::string& to) override;
  Status Unlink(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Status Lock(const std::string& path, bool exclusive, Slice owner,
              std::unique_ptr<FileLock>* lock) override;
  Status FreeBytes(const std::string& path, uint64_t* bytes) override;

  // Power loss: open files of before fail with kIoError, locks are gone, and each
  // file is left with its synced image plus, decided by `seed` per 512-byte sector,
  // none, some or all of what was written since (a sector is old or new, never
  // mixed; an extended but unwritten part reads as zeros). Directory entries
  // that were not synced are kept or lost, by seed. seed 0: everything unsynced is lost.
  void Crash(uint64_t seed);
  // A process that dies keeps what the system has: handles and locks go, no byte is lost.
  void Kill();

  void SetFaults(const FaultPlan& plan);
  uint64_t calls() const;            // counted since SetFaults (or creation)
  void SetCapacity(uint64_t bytes);  // kNoSpace beyond it; 0 = no limit
  void SetCold(bool cold);

  // For damage tests: the current image, and a way to change both images.
  Status Dump(const std::string& path, std::string* contents) const;
  Status Overwrite(const std::string& path, Slice contents);
  // Names and contents in order: equal digests, equal disks.
  uint64_t Digest() const;

  struct Impl;  // file_memory_impl.h; open files and locks share it

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace varve
