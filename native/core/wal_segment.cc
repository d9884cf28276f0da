#include "core/wal_segment.h"

namespace varve {

Status WalSegment::Create(FileSystem* fs, const std::string& path, uint64_t reserve_bytes,
                          std::shared_ptr<WalSegment>* segment) {
  std::unique_ptr<File> file;
  VARVE_TRY(fs->Open(path, OpenMode::kCreateExclusive, &file));
  if (reserve_bytes > 0) VARVE_TRY(file->Allocate(reserve_bytes));
  VARVE_TRY(file->Sync());
  *segment = std::make_shared<WalSegment>(Key{}, std::move(file));
  return Status::Ok();
}

Status WalSegment::Recycle(FileSystem* fs, const std::string& path, uint64_t reserve_bytes,
                           std::shared_ptr<WalSegment>* segment) {
  std::unique_ptr<File> file;
  VARVE_TRY(fs->Open(path, OpenMode::kReadWrite, &file));
  uint64_t size = 0;
  VARVE_TRY(file->Size(&size));
  if (size < reserve_bytes) {
    VARVE_TRY(file->Allocate(reserve_bytes));
    VARVE_TRY(file->Sync());
  }
  *segment = std::make_shared<WalSegment>(Key{}, std::move(file));
  return Status::Ok();
}

std::shared_ptr<WalSegment> WalSegment::Replayed(std::unique_ptr<File> file, SegmentHeader header,
                                                 uint64_t end, uint64_t synced_bytes,
                                                 uint64_t synced_claim) {
  auto segment = std::make_shared<WalSegment>(Key{}, std::move(file));
  segment->header_ = std::move(header);
  segment->end_.store(end, std::memory_order_relaxed);
  segment->synced_bytes_.store(synced_bytes, std::memory_order_relaxed);
  segment->synced_claim_ = synced_claim;
  segment->read_only_ = true;
  return segment;
}

void WalSegment::SetHeader(SegmentHeader header) {
  header_ = std::move(header);
  synced_claim_ = header_.synced_index;
  worth_syncing_ = SegmentHeaderBytes(header_);
  end_.store(worth_syncing_, std::memory_order_relaxed);
}

Status WalSegment::WriteHeader() { return file_->WriteAt(0, EncodeSegmentHeader(header_)); }

}  // namespace varve
