// DescribeSegment: a wal segment as text, damaged ones included.
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "core/record_reader.h"
#include "core/wal_replay.h"

namespace varve {

namespace {

constexpr size_t kOperationsShown = 4;
constexpr size_t kKeyBytesShown = 32;

template <typename... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  char line[512];
  std::snprintf(line, sizeof line, format, arguments...);
  return line;
}

std::string Escape(Slice bytes) {
  std::string text = "\"";
  for (const char byte : bytes.substr(0, kKeyBytesShown)) {
    const bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
    text += plain ? std::string(1, byte) : Format("\\x%02x", static_cast<unsigned>(byte) & 0xff);
  }
  return text + (bytes.size() > kKeyBytesShown ? "\"…" : "\"");
}

const char* KindName(RecordKind kind) {
  switch (kind) {
    case RecordKind::kBatches:
      return "batches";
    case RecordKind::kNoop:
      return "no-op";
    case RecordKind::kHardState:
      return "hard-state";
    case RecordKind::kMembership:
      return "membership";
    case RecordKind::kSyncMark:
      return "sync-mark";
  }
  return "unknown";
}

std::string DescribeOperation(const Operation& operation) {
  const std::string key = Escape(operation.key);
  switch (operation.kind) {
    case Kind::kPut:
      return "put " + key + " " + std::to_string(operation.value.size()) + " B";
    case Kind::kPutExpiring:
      return "put " + key + " " + std::to_string(operation.value.size()) + " B expires " +
             std::to_string(operation.expires_at);
    case Kind::kTombstone:
      return "tombstone " + key;
    case Kind::kRangeTombstone:
      return "range-tombstone " + key + " .. " + Escape(operation.value);
    case Kind::kExpire:
      return "expire " + key + " " + std::to_string(operation.expires_at);
  }
  return "unknown";
}

std::string DescribeOperations(Slice payload) {
  std::string text;
  OperationReader reader(payload);
  Operation operation;
  while (reader.Next(&operation)) {
    if (reader.read() > kOperationsShown) return text + "; …";
    text += (reader.read() == 1 ? ": " : "; ") + DescribeOperation(operation);
  }
  return reader.status().ok() ? text : text + "; " + reader.status().ToString();
}

std::string DescribeRecord(const RecordReader::Found& found) {
  const RecordHeader& header = found.header;
  std::string text = Format("%10" PRIu64 "  %-10s index %" PRIu64 " term %" PRIu64, found.offset,
                            KindName(header.kind), header.index, header.term);
  if (header.count > 0) {
    text += Format(" sequence %" PRIu64 "-%" PRIu64, header.first_sequence, header.last_sequence());
  }
  text += Format(" time %" PRIu64 " synced %" PRIu64 "/%" PRIu64, header.time_ms,
                 header.synced_index, header.synced_bytes);
  HardState state;
  if (header.kind == RecordKind::kHardState && DecodeHardState(found.payload(), &state)) {
    text += Format(": term %" PRIu64 " vote %" PRIu64 " commit %" PRIu64, state.term, state.vote,
                   state.commit);
  } else if (header.kind == RecordKind::kMembership) {
    text += ": " + Escape(found.payload());
  } else if (header.kind == RecordKind::kBatches) {
    text += DescribeOperations(found.payload());
  }
  return text;
}

std::string DescribeHeader(const SegmentHeader& header) {
  return Format("segment %" PRIu64 " life %016" PRIx64 " after index %" PRIu64 " term %" PRIu64
                " sequence %" PRIu64 " time %" PRIu64 " synced %" PRIu64 " hard-state %" PRIu64
                "/%" PRIu64 "/%" PRIu64 " follows %" PRIu64 " end %" PRIu64 " synced %" PRIu64
                " membership %zu B",
                header.identity.number, header.identity.life, header.previous.index,
                header.previous.term, header.previous.sequence, header.previous.time_ms,
                header.synced_index, header.hard_state.term, header.hard_state.vote,
                header.hard_state.commit, header.follows.number, header.follows.end,
                header.follows.synced_bytes, header.membership.size());
}

}  // namespace

Status DescribeSegment(FileSystem* fs, const std::string& path,
                       const std::function<void(const std::string&)>& line) {
  std::unique_ptr<File> file;
  uint64_t size = 0;
  VARVE_TRY(fs->Open(path, OpenMode::kRead, &file));
  VARVE_TRY(file->Size(&size));
  std::string bytes(std::min<uint64_t>(size, kSegmentHeaderBytesMax), '\0');
  size_t read = 0;
  VARVE_TRY(file->ReadAt(0, bytes.size(), bytes.data(), &read));
  SegmentHeader header;
  HeaderState state = HeaderState::kInvalid;
  VARVE_TRY(DecodeSegmentHeader(Slice(bytes).substr(0, read), &header, &state));
  const bool begun = state == HeaderState::kValid;
  if (!begun) line(state == HeaderState::kBlank ? "not begun" : "no valid header");
  if (begun) line(DescribeHeader(header));
  RecordReader reader(file.get(), begun ? header.identity.life : 0, size);
  uint64_t offset = begun ? ClaimedHeaderBytes(bytes) : 0;
  bool gap = !begun;
  for (;;) {
    RecordReader::Found found;
    VARVE_TRY(reader.At(offset, true, &found));
    if (!found.valid) {
      if (!gap) line(Format("%10" PRIu64 "  end: %s", offset, found.reason));
      VARVE_TRY(reader.FindFrom(offset, &found));
      if (!found.valid) return Status::Ok();
      line(Format("%10" PRIu64 "  a valid record after the end:", found.offset));
      VARVE_TRY(reader.At(found.offset, true, &found));
    }
    gap = false;
    line(DescribeRecord(found));
    offset = found.offset + found.bytes;
  }
}

}  // namespace varve
