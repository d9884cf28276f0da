#include "core/table_salvage.h"

#include <algorithm>
#include <utility>

#include "core/table_parts.h"

namespace varve {
namespace {

class Salvage {
 public:
  Salvage(const TableSalvage& request, JobProgress* progress, TableSalvageResult* result)
      : request_(request), progress_(progress), result_(result) {}
  ~Salvage() {
    writer_.reset();
    if (created_) (void)request_.fs->Unlink(request_.output.path);
  }

  Status Run() {
    std::unique_ptr<File> file;
    VARVE_TRY(request_.fs->Open(request_.path, OpenMode::kRead, &file));
    TableParts parts(file.get(), request_.id, &progress_->cancelled);
    VARVE_TRY(parts.Locate());
    for (const TableParts::Part& part : parts.parts()) {
      if (progress_->cancelled.load(std::memory_order_relaxed)) return Status::Aborted();
      VARVE_TRY(TakePart(parts, part));
      progress_->bytes_read.fetch_add(part.bytes, std::memory_order_relaxed);
    }
    Close(parts);
    TakeRanges(parts);
    VARVE_TRY(Finish());
    created_ = false;
    return Status::Ok();
  }

 private:
  Status TakePart(const TableParts& parts, const TableParts::Part& part) {
    Block block;
    if (part.is_lost || !parts.Read(part, &block) || !IsInOrder(block)) {
      Lose(part);
      return Status::Ok();
    }
    ++result_->blocks;
    BlockWalker walker;
    walker.Attach(&block);
    for (walker.SeekToFirst(); walker.valid(); walker.Next()) {
      if (is_losing_) EndLoss(walker.key());
      VARVE_TRY(TakeEntry(walker));
    }
    return Status::Ok();
  }

  // Walks the block once before anything is taken from it.
  bool IsInOrder(const Block& block) const {
    BlockWalker walker;
    walker.Attach(&block);
    std::string key = last_key_;
    uint64_t trailer = last_trailer_;
    bool has_key = result_->entries > 0;
    for (walker.SeekToFirst(); walker.valid(); walker.Next()) {
      const Kind kind = TrailerKind(walker.trailer());
      if (!IsKnownKind(static_cast<uint8_t>(kind)) || kind == Kind::kRangeTombstone) return false;
      if (kind == Kind::kPutExpiring && walker.value().size() < sizeof(uint64_t)) return false;
      if (has_key && CompareEntries(key, trailer, walker.key(), walker.trailer()) >= 0) {
        return false;
      }
      key.assign(walker.key());
      trailer = walker.trailer();
      has_key = true;
    }
    return !walker.damaged() && has_key;
  }

  void Lose(const TableParts::Part& part) {
    if (!is_losing_) {
      LostSpan span;
      span.offset = part.offset;
      span.has_first = part.has_first || result_->entries > 0;
      span.first = part.has_first ? part.first : last_key_;
      result_->lost.push_back(std::move(span));
      is_losing_ = true;
    }
    LostSpan& span = result_->lost.back();
    span.bytes += part.bytes;
    span.has_last = part.has_last;
    span.last = part.last;
  }

  // The index's word is the narrower one, where there is an index.
  void EndLoss(Slice next_key) {
    LostSpan& span = result_->lost.back();
    if (!span.has_last) {
      span.has_last = true;
      span.last.assign(next_key);
    }
    is_losing_ = false;
  }

  // Bounds that no block or index told, by the properties.
  void Close(const TableParts& parts) {
    is_losing_ = false;
    if (!parts.has_properties()) return;
    result_->has_entries_lost = parts.properties().entries >= result_->entries;
    if (result_->has_entries_lost) {
      result_->entries_lost = parts.properties().entries - result_->entries;
    }
    for (LostSpan& span : result_->lost) {
      if (!span.has_first) span.first = parts.properties().key_first;
      if (!span.has_last) span.last = parts.properties().key_last;
      span.has_first = span.has_last = true;
    }
  }

  Status TakeEntry(const BlockWalker& entry) {
    last_key_.assign(entry.key());
    last_trailer_ = entry.trailer();
    ++result_->entries;
    result_->sequence_last = std::max(result_->sequence_last, TrailerSequence(entry.trailer()));
    progress_->entries_read.fetch_add(1, std::memory_order_relaxed);
    if (!request_.writes) return Status::Ok();
    VARVE_TRY(Open());
    return writer_->Add(entry.key(), entry.trailer(), entry.value());
  }

  void TakeRanges(const TableParts& parts) {
    std::vector<RangeSpan> spans;
    parts.ranges().AppendTo(&spans);
    ranges_ = RangeTombstones::Fragmented(spans);
    result_->range_tombstones += spans.size();
    result_->sequence_last = std::max(result_->sequence_last, ranges_.sequence_last());
    if (!parts.ranges_lost()) return;
    LostSpan span;
    span.is_ranges = true;
    span.has_first = span.has_last = parts.has_properties();
    span.first = parts.properties().key_first;
    span.last = parts.properties().key_last;
    result_->lost.push_back(std::move(span));
  }

  Status Open() {
    if (writer_) return Status::Ok();
    std::unique_ptr<File> file;
    Status opened = request_.fs->Open(request_.output.path, OpenMode::kCreateExclusive, &file);
    created_ = opened.code() != Code::kExists;
    VARVE_TRY(opened);
    writer_ = std::make_unique<TableWriter>(request_.table, std::move(file), request_.output.id);
    return Status::Ok();
  }

  Status Finish() {
    if (!request_.writes) return Status::Ok();
    if (!ranges_.empty()) {
      VARVE_TRY(Open());
      writer_->SetRangeTombstones(std::move(ranges_));
    }
    if (!writer_) return Status::Ok();
    VARVE_TRY(writer_->Finish());
    result_->properties = writer_->properties();
    result_->has_output = true;
    writer_.reset();
    std::shared_ptr<TableReader> table;
    VARVE_TRY(TableReader::Open(request_.fs, request_.output.path, 0, request_.output.id, nullptr,
                                nullptr, &table));
    std::atomic<uint64_t> bytes_done{0};
    return table->Verify(&progress_->cancelled, &bytes_done);
  }

  const TableSalvage& request_;
  JobProgress* const progress_;
  TableSalvageResult* const result_;
  std::unique_ptr<TableWriter> writer_;
  bool created_ = false;
  RangeTombstones ranges_;
  bool is_losing_ = false;
  std::string last_key_;
  uint64_t last_trailer_ = 0;
};

}  // namespace

Status SalvageTable(const TableSalvage& request, JobProgress* progress,
                    TableSalvageResult* result) {
  *result = TableSalvageResult();
  Salvage salvage(request, progress, result);
  return salvage.Run();
}

}  // namespace varve
