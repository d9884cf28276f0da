#include "core/job_outputs.h"

#include <algorithm>

namespace varve {

JobOutputs::~JobOutputs() {
  writer_.reset();
  for (const std::string& path : created_) (void)options_.fs->Unlink(path);
}

void JobOutputs::ReportProgress() {
  const uint64_t open = writer_ ? writer_->file_bytes_estimate() : 0;
  progress_->bytes_written.store(result_->bytes_out + open, std::memory_order_relaxed);
}

bool JobOutputs::CutsBefore(Slice key, std::string* split) {
  size_t cut_last = 0;
  bool passed = false;
  if (options_.cut_after != nullptr) {
    const std::vector<std::string>& cuts = *options_.cut_after;
    for (; cut_at_ < cuts.size() && Slice(cuts[cut_at_]) < key; ++cut_at_) {
      cut_last = cut_at_;
      passed = true;
    }
  }
  if (!writer_) return false;
  const uint64_t bytes = writer_->file_bytes_estimate();
  if (passed && bytes >= options_.bytes_max / 2) {
    // Range tombstones must not reach over the cut into the next table below either.
    *split = (*options_.cut_after)[cut_last];
    split->push_back('\0');
    return true;
  }
  if (bytes < options_.bytes_max) return false;
  split->assign(key);
  return true;
}

Status JobOutputs::Place(Slice key) {
  std::string split;
  if (CutsBefore(key, &split)) {
    VARVE_TRY(FinishTable(&split));
    lower_ = std::move(split);
  }
  return writer_ ? Status::Ok() : OpenTable();
}

Status JobOutputs::OpenTable() {
  if (files_used_ == options_.files->size()) {
    return Status::InvalidArgument("a job has more to write than its outputs hold");
  }
  const OutputFile& output = (*options_.files)[files_used_++];
  std::unique_ptr<File> file;
  Status opened = options_.fs->Open(output.path, OpenMode::kCreateExclusive, &file);
  // A file that was there before is not this job's to remove.
  if (opened.code() != Code::kExists) created_.push_back(output.path);
  VARVE_TRY(opened);
  writer_ = std::make_unique<TableWriter>(options_.table, std::move(file), output.id);
  return Status::Ok();
}

RangeTombstones JobOutputs::TakeRanges(const std::string* upper) {
  std::vector<RangeSpan> taken;
  const auto& fragments = options_.ranges->fragments();
  for (; range_at_ < fragments.size(); ++range_at_) {
    const RangeTombstones::Fragment& fragment = fragments[range_at_];
    if (upper != nullptr && fragment.start >= *upper) break;
    const Slice start = std::max(fragment.start, Slice(lower_));
    const bool reaches_over = upper != nullptr && fragment.end > *upper;
    const Slice end = reaches_over ? Slice(*upper) : fragment.end;
    for (size_t i = 0; start < end && i < fragment.count(); ++i) {
      taken.push_back({start, end, fragment.sequence(i)});
    }
    if (reaches_over) break;
  }
  return RangeTombstones::Fragmented(taken);
}

Status JobOutputs::FinishTable(const std::string* upper) {
  const size_t at = files_used_ - 1;
  if (RangeTombstones ranges = TakeRanges(upper); !ranges.empty()) {
    writer_->SetRangeTombstones(std::move(ranges));
    writer_->NoteHeldFor(options_.ranges_held_for);
  }
  VARVE_TRY(writer_->Finish());
  JobOutput output;
  output.file = at;
  output.properties = writer_->properties();
  writer_.reset();
  VARVE_TRY(Verify((*options_.files)[at], output.properties));
  result_->entries_out += output.properties.entries;
  result_->bytes_out += output.properties.file_bytes;
  result_->outputs.push_back(std::move(output));
  ReportProgress();
  return Status::Ok();
}

Status JobOutputs::Verify(const OutputFile& file, const TableProperties& properties) {
  std::shared_ptr<TableReader> table;
  VARVE_TRY(TableReader::Open(options_.fs, file.path, 0, file.id, nullptr,
                              std::make_shared<ReadCounters>(), &table));
  std::atomic<uint64_t> bytes_done{0};
  VARVE_TRY(table->Verify(&progress_->cancelled, &bytes_done));
  if (table->properties().entries != properties.entries ||
      table->properties().range_tombstones != properties.range_tombstones) {
    return Status::Corruption("a new table does not hold what was written").InFile(file.path);
  }
  return Status::Ok();
}

Status JobOutputs::Finish() {
  if (!writer_) {
    // Every entry was dropped, or there was none; range tombstones may still be left.
    if (options_.ranges->empty()) return Status::Ok();
    VARVE_TRY(OpenTable());
  }
  return FinishTable(nullptr);
}

}  // namespace varve
