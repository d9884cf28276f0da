// Shorthands of the tests that work on a MemoryFileSystem.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/file_memory.h"
#include "status_helpers.h"

namespace varve {

inline std::unique_ptr<File> Open(MemoryFileSystem* fs, const std::string& path,
                                  OpenMode mode = OpenMode::kReadWrite) {
  std::unique_ptr<File> file;
  const Status status = fs->Open(path, mode, &file);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return file;
}

inline std::unique_ptr<File> Create(MemoryFileSystem* fs, const std::string& path) {
  return Open(fs, path, OpenMode::kCreateExclusive);
}

inline std::string Contents(const MemoryFileSystem& fs, const std::string& path) {
  std::string contents;
  const Status status = fs.Dump(path, &contents);
  return status.ok() ? contents : std::string(CodeName(status.code()));
}

inline std::string Listing(MemoryFileSystem* fs, const std::string& path) {
  std::vector<std::string> names;
  EXPECT_TRUE(fs->List(path, &names).ok());
  std::string listing;
  for (const std::string& name : names) listing += name + " ";
  return listing;
}

// A file "/f" with `synced` on disk, its name too.
inline std::unique_ptr<File> CreateSynced(MemoryFileSystem* fs, Slice synced) {
  std::unique_ptr<File> file = Create(fs, "/f");
  EXPECT_TRUE(file->WriteAt(0, synced).ok());
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_TRUE(fs->SyncDirectory("/").ok());
  return file;
}

}  // namespace varve
