// Whole files: copied with their checksum taken on the way, or only checksummed.
//
// Thread safety: no state; each call is one thread's.
#pragma once

#include <cstdint>
#include <string>

#include "core/file.h"
#include "core/jobs.h"

namespace varve {

struct FileSum {
  uint64_t bytes = 0;
  uint32_t crc = 0;  // crc32c over the whole file
};

// Every byte is read, a piece at a time.
Status ChecksumFile(FileSystem* fs, const std::string& path, JobProgress* progress, FileSum* sum);

// `to` must not exist. create → write → sync of the file (not of its directory); *sum is of what
// was read, and written. On failure nothing is left at `to`.
Status CopyFile(FileSystem* fs, const std::string& from, const std::string& to,
                JobProgress* progress, FileSum* sum);

}  // namespace varve
