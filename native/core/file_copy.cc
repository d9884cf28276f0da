#include "core/file_copy.h"

#include <memory>

#include "core/crc32c.h"

namespace varve {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

// Reads `from` piece by piece; what is read also goes to `to`, unless that is null.
Status Pass(const File& from, File* to, JobProgress* progress, FileSum* sum) {
  *sum = FileSum();
  const auto piece = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  for (;;) {
    if (progress->cancelled.load(std::memory_order_relaxed)) return Status::Aborted();
    size_t read = 0;
    VARVE_TRY(from.ReadAt(sum->bytes, kPieceBytes, piece.get(), &read));
    if (read == 0) return Status::Ok();
    sum->crc = crc32c::Extend(sum->crc, piece.get(), read);
    if (to != nullptr) {
      VARVE_TRY(to->WriteAt(sum->bytes, Slice(piece.get(), read)));
      to->StartWriteback(sum->bytes, read);
      progress->bytes_written.fetch_add(read, std::memory_order_relaxed);
    }
    sum->bytes += read;
    progress->bytes_read.fetch_add(read, std::memory_order_relaxed);
    if (read < kPieceBytes) return Status::Ok();
  }
}

}  // namespace

Status ChecksumFile(FileSystem* fs, const std::string& path, JobProgress* progress, FileSum* sum) {
  std::unique_ptr<File> file;
  VARVE_TRY(fs->Open(path, OpenMode::kRead, &file));
  return Pass(*file, nullptr, progress, sum);
}

Status CopyFile(FileSystem* fs, const std::string& from, const std::string& to,
                JobProgress* progress, FileSum* sum) {
  std::unique_ptr<File> source, target;
  VARVE_TRY(fs->Open(from, OpenMode::kRead, &source));
  Status status = fs->Open(to, OpenMode::kCreateExclusive, &target);
  // A file that was there before is not this copy's to remove.
  if (status.code() == Code::kExists) return status;
  if (status.ok()) status = Pass(*source, target.get(), progress, sum);
  if (status.ok()) status = target->Sync();
  target.reset();
  if (!status.ok()) (void)fs->Unlink(to);
  return status;
}

}  // namespace varve
