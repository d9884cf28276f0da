#include "core/table_writer.h"

#include <algorithm>
#include <utility>

#include "core/coding.h"
#include "core/hash.h"

namespace varve {
namespace {

constexpr size_t kWriteBytes = 64 << 10;
constexpr size_t kWritebackBytes = 1 << 20;
// What an entry takes in a block beyond its bytes, about.
constexpr size_t kEntryOverhead = 16;

}  // namespace

TableWriter::TableWriter(const TableOptions& options, std::unique_ptr<File> file, const FileId& id)
    : options_(options),
      file_(std::move(file)),
      id_(id),
      seed_(id),
      block_(options.restart_interval, options.hash_index),
      filter_(options.filter_bits_per_key) {
  Write(EncodeTableHeader(id_));
}

Status TableWriter::Add(Slice key, uint64_t trailer, Slice value) {
  if (status_.ok()) status_ = Check(key, trailer, value);
  if (!status_.ok()) return status_;
  if (!block_.empty() &&
      block_.SizeEstimate() + key.size() + value.size() + kEntryOverhead + kBlockTrailerBytes >
          options_.block_bytes) {
    CutBlock();
  }
  if (has_cut_) Separate(key);
  const uint64_t hash = Hash64(key);
  filter_.Add(hash);
  Count(key, trailer, value);
  block_.Add(key, hash, trailer, value);
  return status_;
}

Status TableWriter::Check(Slice key, uint64_t trailer, Slice value) const {
  const auto kind = static_cast<uint8_t>(TrailerKind(trailer));
  if (!IsKnownKind(kind) || TrailerKind(trailer) == Kind::kRangeTombstone) {
    return Status::InvalidArgument("an entry of this kind has no place in a table");
  }
  if (TrailerKind(trailer) == Kind::kPutExpiring && value.size() < sizeof(uint64_t)) {
    return Status::InvalidArgument("an expiring entry without its time");
  }
  // Half of what a block's offsets reach: the rest is for what comes with them.
  if (key.size() + value.size() > UINT32_MAX / 2) {
    return Status(Code::kTooLarge, "an entry is too large for a table");
  }
  if (properties_.entries == 0) return Status::Ok();
  const int order = block_.empty()
                        ? CompareEntries(cut_key_, cut_trailer_, key, trailer)
                        : CompareEntries(block_.last_key(), block_.last_trailer(), key, trailer);
  return order < 0 ? Status::Ok() : Status::InvalidArgument("entries are out of order");
}

void TableWriter::Count(Slice key, uint64_t trailer, Slice value) {
  TableProperties& counts = properties_;
  CountSequence(TrailerSequence(trailer));
  if (counts.entries++ == 0) counts.key_first.assign(key);
  counts.key_bytes += key.size();
  counts.value_bytes += value.size();
  if (IsTombstone(TrailerKind(trailer))) ++counts.tombstones;
  if (TrailerKind(trailer) != Kind::kPutExpiring) return;
  const uint64_t expires = DecodeFixed64(value.data());
  const bool first = counts.expiring++ == 0;
  counts.expires_first_ms = first ? expires : std::min(counts.expires_first_ms, expires);
  counts.expires_last_ms = std::max(counts.expires_last_ms, expires);
}

void TableWriter::CountSequence(Sequence sequence) {
  const bool first = properties_.entries == 0 && properties_.range_tombstones == 0;
  properties_.sequence_first = first ? sequence : std::min(properties_.sequence_first, sequence);
  properties_.sequence_last = std::max(properties_.sequence_last, sequence);
}

void TableWriter::NoteHeldFor(Sequence snapshot) {
  properties_.snapshot_sequence_last = std::max(properties_.snapshot_sequence_last, snapshot);
}

void TableWriter::SetRangeTombstones(RangeTombstones tombstones) {
  ranges_ = std::move(tombstones);
}

void TableWriter::CutBlock() {
  const Slice contents = block_.Finish();
  cut_offset_ = written_ + buffer_.size();
  scratch_.assign(contents);
  scratch_.push_back(0);
  PutTableChecksum(seed_, static_cast<uint8_t>(TablePart::kBlock), cut_offset_, &scratch_);
  Write(scratch_);
  has_cut_ = true;
  cut_key_.assign(block_.last_key());
  cut_trailer_ = block_.last_trailer();
  ++properties_.blocks;
  block_.Reset();
}

// `key` comes after the block cut last.
void TableWriter::Separate(Slice key) {
  has_cut_ = false;
  if (key == cut_key_) {
    index_.Add(cut_offset_, cut_key_, cut_trailer_);
  } else {
    index_.Add(cut_offset_, ShortestSeparator(cut_key_, key), kTrailerLast);
  }
}

void TableWriter::CountRanges() {
  for (const RangeTombstones::Fragment& fragment : ranges_.fragments()) {
    for (size_t i = 0; i < fragment.count(); ++i) {
      CountSequence(fragment.sequence(i));
      ++properties_.range_tombstones;
    }
  }
}

void TableWriter::SetBounds() {
  TableProperties& bounds = properties_;
  if (bounds.entries > 0) bounds.key_last = cut_key_;
  if (ranges_.empty()) return;
  const Slice first = ranges_.fragments().front().start;
  const Slice last = ranges_.fragments().back().end;
  if (bounds.entries == 0 || first < bounds.key_first) bounds.key_first = first;
  if (bounds.entries == 0 || last > bounds.key_last) {
    bounds.key_last = last;
    bounds.bound_is_range_end = 1;
  }
}

Status TableWriter::Finish() {
  if (!status_.ok()) return status_;
  if (!block_.empty()) CutBlock();
  if (has_cut_) index_.Add(cut_offset_, cut_key_, cut_trailer_);
  has_cut_ = false;
  CountRanges();
  SetBounds();
  const uint64_t data_end = written_ + buffer_.size();
  properties_.data_bytes = data_end - kTableHeaderBytes;
  std::string index;
  status_ = index_.Finish(data_end, &index);
  if (!status_.ok()) return status_;
  properties_.index_bytes = index.size();
  AddSection("index", kSectionRequired, std::move(index));
  std::string filter = filter_.Finish();
  properties_.filter_bytes = filter.size();
  if (!filter.empty()) AddSection("filter", 0, std::move(filter));
  if (!ranges_.empty()) {
    std::string ranges;
    ranges_.EncodeTo(&ranges);
    AddSection("ranges", kSectionRequired, std::move(ranges));
  }
  AddProperties();
  FinishFile();
  if (status_.ok()) status_ = file_->SyncData();
  if (!status_.ok()) return status_;
  // A second Finish or an Add behind this one is the caller's mistake.
  status_ = Status::InvalidArgument("the table is finished");
  return Status::Ok();
}

void TableWriter::AddSection(const char* name, uint8_t flags, std::string bytes) {
  const auto kind =
      static_cast<uint8_t>(static_cast<size_t>(TablePart::kSection) + layout_.sections.size());
  const uint64_t offset = written_ + buffer_.size();
  layout_.sections.push_back({name, flags, offset, bytes.size()});
  PutTableChecksum(seed_, kind, offset, &bytes);
  Write(bytes);
}

void TableWriter::AddProperties() {
  std::vector<TableSection> sections = layout_.sections;
  sections.push_back({"props", kSectionRequired, 0, 0});
  const uint64_t around = written_ + buffer_.size() + EncodeTableDirectory(sections).size() +
                          2 * kTableChecksumBytes + kTableFooterBytes;
  // The file's size is among what is counted in it: longer numbers settle it soon.
  std::string encoded;
  do {
    properties_.file_bytes = around + encoded.size();
    encoded = EncodeProperties(properties_);
  } while (properties_.file_bytes != around + encoded.size());
  AddSection("props", kSectionRequired, std::move(encoded));
}

void TableWriter::FinishFile() {
  std::string directory = EncodeTableDirectory(layout_.sections);
  layout_.directory_offset = written_ + buffer_.size();
  layout_.directory_size = directory.size();
  layout_.file_bytes = properties_.file_bytes;
  PutTableChecksum(seed_, static_cast<uint8_t>(TablePart::kDirectory), layout_.directory_offset,
                   &directory);
  Write(directory);
  Write(EncodeTableFooter(layout_, id_));
  WriteOut();
}

void TableWriter::Write(Slice bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kWriteBytes) WriteOut();
}

void TableWriter::WriteOut() {
  if (!status_.ok()) return;
  status_ = file_->WriteAt(written_, buffer_);
  if (!status_.ok()) return;
  written_ += buffer_.size();
  buffer_.clear();
  if (written_ - written_back_ < kWritebackBytes) return;
  file_->StartWriteback(written_back_, written_ - written_back_);
  written_back_ = written_;
}

uint64_t TableWriter::file_bytes_estimate() const {
  uint64_t bytes = written_ + buffer_.size();
  if (!block_.empty()) bytes += block_.SizeEstimate() + kBlockTrailerBytes;
  const double filter_bits = static_cast<double>(filter_.keys()) * options_.filter_bits_per_key;
  return bytes + index_.SizeEstimate() + static_cast<uint64_t>(filter_bits / 8) + kTableFooterBytes;
}

}  // namespace varve
