#include "core/record_reader.h"

#include <algorithm>

#include "core/coding.h"
#include "core/crc32c.h"

namespace varve {

RecordReader::RecordReader(const File* file, uint64_t life, uint64_t limit, size_t window_bytes)
    : file_(file),
      life_(life),
      limit_(limit),
      window_bytes_(std::min<uint64_t>(std::max(window_bytes, kRecordHeaderBytes), limit)) {}

Status RecordReader::Load(uint64_t offset, size_t size, Slice* bytes) {
  const uint64_t left = offset < limit_ ? limit_ - offset : 0;
  size = static_cast<size_t>(std::min<uint64_t>(size, left));
  if (offset < window_offset_ || offset + size > window_offset_ + window_filled_) {
    if (window_.empty()) window_.resize(window_bytes_);
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(window_.size(), left));
    window_filled_ = 0;
    window_offset_ = offset;
    if (Status status = file_->ReadAt(offset, wanted, window_.data(), &window_filled_);
        !status.ok()) {
      window_filled_ = 0;
      return status.At(file_->path(), offset);
    }
  }
  const uint64_t start = offset - window_offset_;
  *bytes = Slice(window_.data() + start, std::min<size_t>(size, window_filled_ - start));
  return Status::Ok();
}

Status RecordReader::CrcInPieces(const RecordHeader& header, uint64_t offset, uint32_t* crc) {
  uint64_t at = offset + 4;
  uint64_t left = kRecordHeaderBytes - 4 + uint64_t{header.payload_bytes};
  *crc = 0;
  while (left > 0) {
    Slice piece;
    VARVE_TRY(Load(at, static_cast<size_t>(std::min<uint64_t>(left, window_bytes_)), &piece));
    if (piece.empty()) break;
    *crc = crc32c::Extend(*crc, piece.data(), piece.size());
    at += piece.size();
    left -= piece.size();
  }
  return Status::Ok();
}

Status RecordReader::At(uint64_t offset, bool whole, Found* found) {
  *found = Found();
  found->offset = offset;
  Slice bytes;
  VARVE_TRY(Load(offset, kRecordHeaderBytes, &bytes));
  if (bytes.size() < kRecordHeaderBytes) {
    found->reason = "the segment ends";
    return Status::Ok();
  }
  char fixed[kRecordHeaderBytes];
  std::memcpy(fixed, bytes.data(), kRecordHeaderBytes);
  found->header = DecodeRecordHeader(fixed);
  const RecordHeader& header = found->header;
  if (life_ != 0 && header.life != life_) {
    found->reason = "no record of this segment's life";
    return Status::Ok();
  }
  found->of_this_life = life_ != 0;
  found->bytes = RecordBytes(header.payload_bytes);
  if (header.payload_bytes > kRecordPayloadBytesMax || found->bytes > limit_ - offset) {
    found->reason = "a record goes beyond the end of its segment";
    found->bytes = 0;
    return Status::Ok();
  }
  uint32_t crc = 0;
  if (found->bytes <= window_bytes_) {
    VARVE_TRY(Load(offset, static_cast<size_t>(found->bytes), &bytes));
    if (bytes.size() == found->bytes) {
      crc = crc32c::Value(bytes.data() + 4, kRecordHeaderBytes - 4 + header.payload_bytes);
      found->record = bytes;
    }
  } else {
    VARVE_TRY(CrcInPieces(header, offset, &crc));
  }
  if (crc != RecordCrc(fixed)) {
    found->record = Slice();
    found->reason = "a record's checksum does not match";
    return Status::Ok();
  }
  if (Status status = CheckRecordKnown(fixed); !status.ok()) {
    return status.At(file_->path(), offset);
  }
  if (whole && found->record.empty()) {
    long_record_.resize(found->bytes);
    size_t read = 0;
    if (Status status = file_->ReadAt(offset, long_record_.size(), long_record_.data(), &read);
        !status.ok()) {
      return status.At(file_->path(), offset);
    }
    if (read < long_record_.size() ||
        ComputeRecordCrc(long_record_.data(),
                         Slice(long_record_).substr(kRecordHeaderBytes, header.payload_bytes)) !=
            RecordCrc(fixed)) {
      return Status::Corruption("a record changed while it was read").At(file_->path(), offset);
    }
    found->record = long_record_;
  }
  found->valid = true;
  return Status::Ok();
}

bool RecordReader::LooksLikeRecord(const char* at, uint64_t left) const {
  const uint64_t life = DecodeFixed64(at + 16);
  if (life_ != 0) return life == life_;
  const auto kind = static_cast<uint8_t>(at[8]);
  return life != 0 && kind >= 1 && kind <= static_cast<uint8_t>(RecordKind::kSyncMark) &&
         static_cast<uint8_t>(at[9]) == kRecordFormatVersion && DecodeFixed16(at + 10) == 0 &&
         RecordBytes(DecodeFixed32(at + 4)) <= left;
}

Status RecordReader::FindFrom(uint64_t offset, Found* found) {
  *found = Found();
  offset = PaddedPayload(offset);
  // Bytes made to look like the headers of long records must not cost a checksum each.
  uint64_t budget = 4 * limit_ + 64 * kWindowBytes;
  while (offset < limit_ && limit_ - offset >= kRecordHeaderBytes) {
    Slice bytes;
    VARVE_TRY(Load(offset, kRecordHeaderBytes, &bytes));
    if (bytes.size() < kRecordHeaderBytes) break;
    const uint64_t window_end = window_offset_ + window_filled_;
    const char* at = bytes.data();
    while (offset + kRecordHeaderBytes <= window_end && !LooksLikeRecord(at, limit_ - offset)) {
      offset += kRecordAlignment;
      at += kRecordAlignment;
    }
    if (offset + kRecordHeaderBytes > window_end) continue;
    VARVE_TRY(At(offset, false, found));
    if (found->valid) return Status::Ok();
    if (found->bytes > budget) {
      return Status::Corruption("too many false records follow a damaged one")
          .At(file_->path(), offset);
    }
    budget -= found->bytes;
    offset += kRecordAlignment;
  }
  *found = Found();
  return Status::Ok();
}

}  // namespace varve
