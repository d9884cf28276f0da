// The parts of the posix backend. For file_posix*.cc only: others take PosixFileSystem().
#pragma once

#include <cerrno>
#include <memory>
#include <string>

#include "core/file.h"

namespace varve::posix {

// Repeats a system call while a signal interrupts it.
template <typename Call>
auto Uninterrupted(const Call& call) -> decltype(call()) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

// fsync, or what the platform calls the real one. 0, or -1 and errno.
int SyncDescriptor(int descriptor);

Status OpenFile(const std::string& path, OpenMode mode, std::unique_ptr<File>* file);
Status LockFile(const std::string& path, bool exclusive, Slice owner,
                std::unique_ptr<FileLock>* lock);

}  // namespace varve::posix
