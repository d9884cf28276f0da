#include "core/file.h"

namespace varve {

Status ReadWholeFile(FileSystem* fs, const std::string& path, uint64_t bytes_max,
                     std::string* contents) {
  contents->clear();
  std::unique_ptr<File> file;
  VARVE_TRY(fs->Open(path, OpenMode::kRead, &file));
  uint64_t size = 0;
  VARVE_TRY(file->Size(&size));
  if (size > bytes_max) {
    Status status(Code::kTooLarge, "it has " + std::to_string(size) + " bytes, more than " +
                                       std::to_string(bytes_max));
    status.InFile(path);
    return status;
  }
  contents->resize(size);
  size_t read = 0;
  Status status = file->ReadAt(0, contents->size(), contents->data(), &read);
  contents->resize(status.ok() ? read : 0);
  return status;
}

Status WriteWholeFile(FileSystem* fs, const std::string& path, Slice contents) {
  std::unique_ptr<File> file;
  VARVE_TRY(fs->Open(path, OpenMode::kCreateTruncate, &file));
  VARVE_TRY(file->WriteAt(0, contents));
  return file->Sync();
}

}  // namespace varve
