// The one door to the disk: everything that opens, reads, writes, syncs, renames,
// links, lists or removes goes through a FileSystem.
//
// Two backends, chosen when a database is opened:
//   PosixFileSystem()        the real one (file_posix.cc)
//   MemoryFileSystem         synced and unsynced images, torn tails, lost directory
//                            entries, a seeded fault plan (file_memory.{h,cc})
//
// Thread safety: a FileSystem may be used from any thread. A File may be read
// from any thread; writes to one file are by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"

namespace varve {

enum class OpenMode : uint8_t {
  kRead,             // must exist
  kReadWrite,        // must exist
  kCreateExclusive,  // must not exist; read and write
  kCreateTruncate,   // created, or emptied; read and write
};

struct FileStat {
  uint64_t size = 0;
  uint64_t allocated_bytes = 0;  // blocks on disk
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ms = 0;
  bool is_directory = false;
};

class File {
 public:
  virtual ~File() = default;

  // Reads up to `size` bytes at `offset`; *read < size only at the end of file.
  virtual Status ReadAt(uint64_t offset, size_t size, char* to, size_t* read) const = 0;
  // The same without waiting for the disk: kWouldBlock when not all of it is in
  // the page cache, or where kernel or file system cannot tell.
  virtual Status ReadAtNoWait(uint64_t offset, size_t size, char* to, size_t* read) const = 0;
  // Writes all of `bytes` (loops over short writes).
  virtual Status WriteAt(uint64_t offset, Slice bytes) = 0;
  // Data and what is needed to read it back (size, extents) are on disk. Once a sync of
  // either kind has failed, both fail for ever: the kernel calls the lost pages clean.
  virtual Status SyncData() = 0;
  // Data and all metadata are on disk.
  virtual Status Sync() = 0;
  // Starts writing a range back without waiting, so that a later Sync is short.
  virtual void StartWriteback(uint64_t offset, uint64_t size) = 0;
  // Reserves blocks for [0, size) and sets the size, which never shrinks; kNoSpace when
  // there are none.
  virtual Status Allocate(uint64_t size) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  virtual Status Size(uint64_t* size) const = 0;
  virtual void AdviseSequential(uint64_t offset, uint64_t size) const = 0;
  const std::string& path() const { return path_; }

 protected:
  explicit File(std::string path) : path_(std::move(path)) {}

 private:
  std::string path_;
};

// Held while a directory is open; given back by the destructor.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Status Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* file) = 0;
  virtual Status Stat(const std::string& path, FileStat* stat) = 0;
  // Names in order, without "." and "..".
  virtual Status List(const std::string& directory, std::vector<std::string>* names) = 0;
  virtual Status MakeDirectory(const std::string& path) = 0;  // ok if it is there
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Link(const std::string& from, const std::string& to) = 0;
  virtual Status Unlink(const std::string& path) = 0;
  virtual Status RemoveDirectory(const std::string& path) = 0;
  virtual Status SyncDirectory(const std::string& path) = 0;
  // Takes the lock file (an open-file-description lock, and a table in this process
  // keyed by device and inode). Exclusive: creates it if absent and writes
  // `owner` into it. Shared: opens it read-only, and an absent one counts as
  // free. kLocked: the message is what the owner wrote.
  // Giving back an exclusive lock empties the file.
  virtual Status Lock(const std::string& path, bool exclusive, Slice owner,
                      std::unique_ptr<FileLock>* lock) = 0;
  // Bytes a caller may still write on the file system that holds `path`.
  virtual Status FreeBytes(const std::string& path, uint64_t* bytes) = 0;
};

FileSystem* PosixFileSystem();

// Whole small files (CURRENT, manifests, identities).
Status ReadWholeFile(FileSystem* fs, const std::string& path, uint64_t bytes_max,
                     std::string* contents);
// create → write → sync, at `path` itself; the caller renames and syncs the directory.
Status WriteWholeFile(FileSystem* fs, const std::string& path, Slice contents);

}  // namespace varve
