#include "core/wal_format.h"

#include <cstring>

#include "core/coding.h"
#include "core/crc32c.h"

namespace varve {

namespace {

constexpr char kMagic[] = "VARVEWAL";
constexpr size_t kMagicBytes = 8;
constexpr size_t kHeaderCrcStart = 12;  // first byte that a segment header's checksum covers

bool AllZero(Slice bytes) {
  for (const char byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

}  // namespace

uint32_t RecordCrc(const char* from) { return DecodeFixed32(from); }

uint32_t ComputeRecordCrc(const char* header, Slice payload) {
  const uint32_t crc = crc32c::Value(header + 4, kRecordHeaderBytes - 4);
  return crc32c::Extend(crc, payload.data(), payload.size());
}

void SealRecord(const RecordHeader& header, char* frame) {
  EncodeFixed32(frame + 4, header.payload_bytes);
  frame[8] = static_cast<char>(header.kind);
  frame[9] = static_cast<char>(kRecordFormatVersion);
  EncodeFixed16(frame + 10, 0);
  EncodeFixed32(frame + 12, header.count);
  EncodeFixed64(frame + 16, header.life);
  EncodeFixed64(frame + 24, header.term);
  EncodeFixed64(frame + 32, header.index);
  EncodeFixed64(frame + 40, header.first_sequence);
  EncodeFixed64(frame + 48, header.time_ms);
  EncodeFixed64(frame + 56, header.synced_index);
  EncodeFixed64(frame + 64, header.synced_bytes);
  const size_t covered = kRecordHeaderBytes + header.payload_bytes;
  EncodeFixed32(frame, crc32c::Value(frame + 4, covered - 4));
  std::memset(frame + covered, 0, RecordBytes(header.payload_bytes) - covered);
}

RecordHeader DecodeRecordHeader(const char* from) {
  RecordHeader header;
  header.payload_bytes = DecodeFixed32(from + 4);
  header.kind = static_cast<RecordKind>(from[8]);
  header.count = DecodeFixed32(from + 12);
  header.life = DecodeFixed64(from + 16);
  header.term = DecodeFixed64(from + 24);
  header.index = DecodeFixed64(from + 32);
  header.first_sequence = DecodeFixed64(from + 40);
  header.time_ms = DecodeFixed64(from + 48);
  header.synced_index = DecodeFixed64(from + 56);
  header.synced_bytes = DecodeFixed64(from + 64);
  return header;
}

Status CheckRecordKnown(const char* header) {
  const auto kind = static_cast<uint8_t>(header[8]);
  const auto version = static_cast<uint8_t>(header[9]);
  if (version != kRecordFormatVersion) {
    return Status::Unsupported("a wal record has format version " + std::to_string(version) +
                               "; this build reads " + std::to_string(kRecordFormatVersion));
  }
  if (kind < 1 || kind > static_cast<uint8_t>(RecordKind::kSyncMark)) {
    return Status::Unsupported("a wal record is of unknown kind " + std::to_string(kind));
  }
  if (const uint16_t group = DecodeFixed16(header + 10); group != 0) {
    return Status::Unsupported("a wal record is of group " + std::to_string(group) +
                               "; this build knows one group");
  }
  return Status::Ok();
}

bool DecodeHardState(Slice payload, HardState* hard_state) {
  if (payload.size() != kHardStateBytes) return false;
  hard_state->term = DecodeFixed64(payload.data());
  hard_state->vote = DecodeFixed64(payload.data() + 8);
  hard_state->commit = DecodeFixed64(payload.data() + 16);
  return true;
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string bytes(kMagic, kMagicBytes);
  PutFixed32(&bytes, 0);
  PutFixed32(&bytes, kWalFormatVersion);
  const uint64_t size = SegmentHeaderBytes(header);
  PutFixed32(&bytes, static_cast<uint32_t>(size));
  PutFixed32(&bytes, static_cast<uint32_t>(header.membership.size()));
  bytes.append(reinterpret_cast<const char*>(header.identity.id.data()), header.identity.id.size());
  for (const uint64_t word :
       {header.identity.life, header.identity.number, header.previous.index, header.previous.term,
        header.previous.sequence, header.previous.time_ms, header.synced_index,
        header.hard_state.term, header.hard_state.vote, header.hard_state.commit,
        header.follows.number, header.follows.end, header.follows.synced_bytes}) {
    PutFixed64(&bytes, word);
  }
  bytes += header.membership;
  bytes.resize(size, '\0');
  EncodeFixed32(&bytes[kMagicBytes],
                crc32c::Value(bytes.data() + kHeaderCrcStart, bytes.size() - kHeaderCrcStart));
  return bytes;
}

uint64_t ClaimedHeaderBytes(Slice fixed) {
  if (fixed.size() < kSegmentHeaderFixedBytes) return 0;
  if (std::memcmp(fixed.data(), kMagic, kMagicBytes) != 0) return 0;
  const uint64_t size = DecodeFixed32(fixed.data() + 16);
  const bool plausible = size >= kSegmentHeaderFixedBytes && size <= kSegmentHeaderBytesMax &&
                         size % kRecordAlignment == 0;
  return plausible ? size : 0;
}

Status DecodeSegmentHeader(Slice bytes, SegmentHeader* header, HeaderState* state) {
  *state = HeaderState::kInvalid;
  const uint64_t size = ClaimedHeaderBytes(bytes);
  if (size == 0 || size > bytes.size()) {
    if (AllZero(bytes.substr(0, kSegmentHeaderFixedBytes))) *state = HeaderState::kBlank;
    return Status::Ok();
  }
  const char* from = bytes.data();
  const uint32_t crc = crc32c::Value(from + kHeaderCrcStart, size - kHeaderCrcStart);
  if (crc != DecodeFixed32(from + kMagicBytes)) return Status::Ok();
  if (const uint32_t version = DecodeFixed32(from + 12); version != kWalFormatVersion) {
    return Status::Unsupported("a wal segment has format version " + std::to_string(version) +
                               "; this build reads " + std::to_string(kWalFormatVersion));
  }
  const uint32_t membership_bytes = DecodeFixed32(from + 20);
  if (membership_bytes > size - kSegmentHeaderFixedBytes) return Status::Ok();
  std::memcpy(header->identity.id.data(), from + 24, header->identity.id.size());
  header->identity.life = DecodeFixed64(from + 40);
  header->identity.number = DecodeFixed64(from + 48);
  header->previous = {DecodeFixed64(from + 56), DecodeFixed64(from + 64), DecodeFixed64(from + 72),
                      DecodeFixed64(from + 80)};
  header->synced_index = DecodeFixed64(from + 88);
  header->hard_state = {DecodeFixed64(from + 96), DecodeFixed64(from + 104),
                        DecodeFixed64(from + 112)};
  header->follows = {DecodeFixed64(from + 120), DecodeFixed64(from + 128),
                     DecodeFixed64(from + 136)};
  header->membership.assign(from + kSegmentHeaderFixedBytes, membership_bytes);
  *state = HeaderState::kValid;
  return Status::Ok();
}

}  // namespace varve
