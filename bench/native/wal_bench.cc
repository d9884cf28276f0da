// What the wal costs: append, sync, parse, replay. Usage: wal_bench [directory]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/coding.h"
#include "core/memtable.h"
#include "core/wal.h"
#include "core/wal_replay.h"

namespace {

using varve::Status;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Must(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::string Payload(uint64_t key, size_t value_bytes, uint32_t operations) {
  std::string bytes;
  for (uint32_t i = 0; i < operations; ++i) {
    char name[32];
    const int size =
        std::snprintf(name, sizeof name, "key%013llu",
                      static_cast<unsigned long long>((key + i) * 0x9E3779B97F4A7C15u >> 24));
    bytes += static_cast<char>(varve::Kind::kPut);
    varve::PutVarint32(&bytes, static_cast<uint32_t>(size));
    bytes.append(name, static_cast<size_t>(size));
    varve::PutVarint32(&bytes, static_cast<uint32_t>(value_bytes));
    bytes.append(value_bytes, 'v');
  }
  std::string payload;
  varve::PutFixed32(&payload, static_cast<uint32_t>(bytes.size()));
  varve::PutFixed32(&payload, operations);
  return payload + bytes;
}

varve::SegmentIdentity IdentityOf(uint64_t number) {
  varve::SegmentIdentity identity;
  identity.number = identity.life = number;
  return identity;
}

uint64_t Append(varve::Wal* wal, uint64_t records, size_t value_bytes, uint32_t operations,
                const char* what) {
  std::string payload = Payload(1, value_bytes, operations);
  std::string frame(varve::RecordBytes(payload.size()), '\0');
  const uint64_t bytes_before = wal->bytes_appended();
  double spent = 0;
  for (uint64_t i = 0; i < records; ++i) {
    payload = Payload(i * operations, value_bytes, operations);
    frame.replace(varve::kRecordHeaderBytes, payload.size(), payload);
    varve::EntryToAppend entry;
    entry.count = operations;
    const double start = Now();
    Must(wal->Append(entry, frame.data(), payload.size()));
    spent += Now() - start;
  }
  const uint64_t bytes = wal->bytes_appended() - bytes_before;
  std::printf("append %-28s %8.0f ns a record, %6.0f MB/s\n", what,
              spent / static_cast<double>(records) * 1e9, static_cast<double>(bytes) / spent / 1e6);
  return bytes;
}

void Replay(const varve::ReplayOptions& options, varve::Memtable* memtable, const char* what) {
  varve::ReplayResult result;
  const double start = Now();
  Must(varve::ReplayWal(varve::PosixFileSystem(), options, memtable, nullptr, &result));
  const double spent = Now() - start;
  std::printf("replay %-28s %8.1f ms: %.0f MB, %.2f M records/s, %.2f M operations/s\n", what,
              spent * 1e3, static_cast<double>(result.bytes) / 1e6,
              static_cast<double>(result.records) / spent / 1e6,
              static_cast<double>(result.operations) / spent / 1e6);
}

void ParseOperations() {
  const std::string payload = Payload(1, 20, 1000);
  uint64_t operations = 0, total = 0;
  const double start = Now();
  for (int i = 0; i < 20000; ++i) {
    Must(varve::CheckBatches(payload, &operations));
    total += operations;
  }
  std::printf("parse operations %27.1f ns an operation\n",
              (Now() - start) / static_cast<double>(total) * 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "/tmp";
  varve::FileSystem* fs = varve::PosixFileSystem();
  varve::ReplayOptions options;
  options.segments.push_back({directory + "/wal_bench_1.wal", 1, {}, 0});
  options.segments.push_back({directory + "/wal_bench_2.wal", 2, {}, 0});
  for (const auto& segment : options.segments) (void)fs->Unlink(segment.path);
  {
    varve::Wal wal{varve::LogState{}};
    for (const auto& one : options.segments) {
      std::shared_ptr<varve::WalSegment> segment;
      Must(varve::WalSegment::Create(fs, one.path, 64 << 20, &segment));
      Must(wal.Rotate(segment, IdentityOf(one.number)));
      if (one.number == 1) Append(&wal, 350000, 70, 1, "100-byte operation");
      if (one.number == 2) Append(&wal, 5000, 100, 100, "100 operations");
    }
    double spent = 0;
    for (int i = 0; i < 200; ++i) {
      const std::string payload = Payload(1, 100, 1);
      std::string frame(varve::RecordBytes(payload.size()), '\0');
      frame.replace(varve::kRecordHeaderBytes, payload.size(), payload);
      varve::EntryToAppend entry;
      entry.count = 1;
      Must(wal.Append(entry, frame.data(), payload.size()));
      const double start = Now();
      Must(wal.Sync());
      spent += Now() - start;
    }
    std::printf("sync   %37.0f us\n", spent / 200 * 1e6);
  }
  ParseOperations();
  varve::ReplayOptions first = options;
  first.segments.pop_back();
  for (int i = 0; i < 2; ++i) Replay(first, nullptr, "single operations, no apply");
  Replay(options, nullptr, "both segments, no apply");
  varve::ReplayOptions flushed = options;
  flushed.flushed = {350000, 1, 350000, 0};
  Replay(flushed, nullptr, "all but 100-operation records");
  varve::Memtable memtable(128 << 20);
  Replay(options, &memtable, "both segments, applied");
  for (const auto& segment : options.segments) Must(fs->Unlink(segment.path));
  return 0;
}
