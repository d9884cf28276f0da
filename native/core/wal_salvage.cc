#include "core/wal_salvage.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/record_reader.h"
#include "core/wal_operations.h"

namespace varve {
namespace {

constexpr size_t kSectorBytes = 4096;

struct Segment {
  const ReplaySegment* listed = nullptr;
  std::unique_ptr<File> file;
  uint64_t size = 0;
  SegmentHeader header;
  bool begun = false;     // its header is valid
  bool is_stale = false;  // valid, of a former use
  bool is_part = true;    // of the log, as far as headers tell
  uint64_t limit = 0;
};

struct Located {
  size_t segment = 0;
  uint64_t offset = 0, end = 0;
  RecordHeader header;
};

class Salvage {
 public:
  Salvage(const WalSalvage& request, JobProgress* progress, WalSalvageResult* result)
      : request_(request), progress_(progress), result_(result) {}

  Status Run() {
    for (const ReplaySegment& listed : request_.segments) VARVE_TRY(Open(listed));
    TakeChain();
    for (size_t at = 0; at < segments_.size(); ++at) {
      if (!segments_[at].is_part || segments_[at].is_stale) continue;
      VARVE_TRY(Scan(at));
    }
    FindGaps();
    return Apply();
  }

 private:
  Status Open(const ReplaySegment& listed) {
    Segment segment;
    segment.listed = &listed;
    Status status = request_.fs->Open(listed.path, OpenMode::kRead, &segment.file);
    if (!status.ok()) status = request_.fs->Open(listed.path, OpenMode::kRead, &segment.file);
    VARVE_TRY(status);
    VARVE_TRY(segment.file->Size(&segment.size));
    segment.limit = segment.size;
    std::string bytes(std::min<uint64_t>(kSegmentHeaderBytesMax, segment.size), '\0');
    size_t read = 0;
    // What cannot be read is a header that is damaged.
    if (!segment.file->ReadAt(0, bytes.size(), bytes.data(), &read).ok() &&
        !segment.file->ReadAt(0, bytes.size(), bytes.data(), &read).ok()) {
      read = 0;
    }
    HeaderState state = HeaderState::kInvalid;
    VARVE_TRY(DecodeSegmentHeader(Slice(bytes).substr(0, read), &segment.header, &state)
                  .At(listed.path, 0));
    segment.begun = state == HeaderState::kValid;
    segment.is_stale = segment.begun && segment.header.identity.number < listed.number;
    segment.is_part = state != HeaderState::kBlank;
    segments_.push_back(std::move(segment));
    return Status::Ok();
  }

  // What a header says that it follows ends there, and nothing between the two counts.
  void TakeChain() {
    for (size_t at = segments_.size(); at-- > 0;) {
      const Segment& segment = segments_[at];
      if (!segment.begun || segment.is_stale || !segment.is_part) continue;
      NoteClaim(segment.header.synced_index);
      const SegmentEnd& follows = segment.header.follows;
      for (size_t before = at; before-- > 0;) {
        if (segments_[before].listed->number != follows.number) continue;
        for (size_t between = before + 1; between < at; ++between) {
          segments_[between].is_part = false;
        }
        segments_[before].limit = std::min(segments_[before].limit, follows.end);
        break;
      }
    }
  }

  Status Scan(size_t at) {
    const Segment& segment = segments_[at];
    const uint64_t life = segment.begun ? segment.header.identity.life : 0;
    const uint64_t start = segment.begun ? SegmentHeaderBytes(segment.header) : 0;
    return ScanLife(at, life, start);
  }

  // life 0: that of the first record there is.
  Status ScanLife(size_t at, uint64_t life, uint64_t offset) {
    const Segment& segment = segments_[at];
    size_t window = RecordReader::kWindowBytes;
    auto reader = std::make_unique<RecordReader>(segment.file.get(), life, segment.limit, window);
    uint64_t index_before = 0;
    while (offset < segment.limit) {
      if (progress_->cancelled.load(std::memory_order_relaxed)) return Status::Aborted();
      RecordReader::Found found;
      const Status status = reader->FindFrom(offset, &found);
      if (status.code() == Code::kUnsupported) return status;
      if (!status.ok()) {
        // A sector that cannot be read: on with the next, and from now on no more is read at once.
        offset = (window == kSectorBytes ? offset + kSectorBytes : offset);
        window = kSectorBytes;
        reader = std::make_unique<RecordReader>(segment.file.get(), life, segment.limit, window);
        continue;
      }
      if (!found.valid) return Status::Ok();
      if (life == 0) return ScanLife(at, found.header.life, found.offset);
      Take(at, found, &index_before);
      offset = found.offset + found.bytes;
    }
    return Status::Ok();
  }

  void Take(size_t at, const RecordReader::Found& found, uint64_t* index_before) {
    const RecordHeader& header = found.header;
    NoteClaim(header.synced_index);
    ends_marked_ = header.kind == RecordKind::kSyncMark;
    if (!header.is_entry() || header.index == 0 || header.last_sequence() > kSequenceMax) return;
    // At or below what came before in the log, it supersedes that and all after. Where a header
    // cannot be read it may be a copy that recovery made, of records that are there as well.
    const bool supersedes =
        header.index <= *index_before || (*index_before == 0 && segments_[at].begun);
    if (supersedes) log_.erase(log_.lower_bound(header.index), log_.end());
    *index_before = header.index;
    log_.insert_or_assign(header.index,
                          Located{at, found.offset, found.offset + found.bytes, header});
  }

  void NoteClaim(uint64_t synced_index) { synced_index_ = std::max(synced_index_, synced_index); }

  bool IsFlushed(const RecordHeader& header) const {
    if (request_.flushed.index != 0) return header.index <= request_.flushed.index;
    return header.count == 0 || header.last_sequence() <= request_.flushed.sequence;
  }

  void Lose(const std::string& file, uint64_t offset, Sequence first, Sequence last) {
    result_->lost.push_back({file, offset, first, last});
  }

  // Where the log begins: what is at or below it was in tables when its first segment was begun.
  bool StartsAt(LogPosition* start) const {
    for (const Segment& segment : segments_) {
      if (!segment.is_part || segment.is_stale) continue;
      *start = segment.header.previous;
      return segment.begun;
    }
    return false;
  }

  // Walks the entries from first to last, and notes each place where some are missing.
  void FindGaps() {
    NoteClaim(request_.synced_index);
    LogPosition before;
    bool is_known = StartsAt(&before);
    std::string file = segments_.empty() ? "" : segments_.front().listed->path;
    uint64_t offset = 0;
    // Entries between what is in tables and where the log begins.
    if (is_known && before.sequence > request_.flushed.sequence) {
      is_whole_ = false;
      Lose(file, 0, request_.flushed.sequence + 1, before.sequence);
    }
    for (auto entry = log_.begin(); entry != log_.end();) {
      const RecordHeader& header = entry->second.header;
      if (is_known && header.first_sequence <= before.sequence) {
        // It does not follow from anything: of a log that was given up.
        entry = log_.erase(entry);
        continue;
      }
      if (is_known && header.index == before.index + 1) {
        is_known = true;
      } else if (IsFlushed(header)) {
        is_whole_ = false;
      } else {
        NoteGap(file, offset, is_known ? before : LogPosition(), header);
      }
      before = header.position();
      is_known = true;
      file = segments_[entry->second.segment].listed->path;
      offset = entry->second.end;
      ++entry;
    }
    const uint64_t last = std::max(before.index, request_.flushed.index);
    const bool may_lack_more = !request_.is_end_known && !ends_marked_;
    if ((synced_index_ > last || may_lack_more) && request_.last_index == ~uint64_t{0}) {
      Lose(file, offset, std::max(before.sequence, request_.flushed.sequence) + 1, 0);
      is_whole_ = false;
    }
  }

  void NoteGap(const std::string& file, uint64_t offset, const LogPosition& before,
               const RecordHeader& after) {
    is_whole_ = false;
    const LogPosition& flushed = request_.flushed;
    if (flushed.index != 0 && after.index <= std::max(before.index, flushed.index) + 1) return;
    const Sequence first = std::max(before.sequence, flushed.sequence) + 1;
    if (first < after.first_sequence) Lose(file, offset, first, after.first_sequence - 1);
  }

  Status Apply() {
    const bool applies_all = request_.from_start && is_whole_;
    result_->position = request_.flushed;
    std::unique_ptr<RecordReader> reader;
    size_t segment_read = segments_.size();
    for (const auto& [index, located] : log_) {
      if (progress_->cancelled.load(std::memory_order_relaxed)) return Status::Aborted();
      if (index > request_.last_index) break;
      const bool is_new = !IsFlushed(located.header);
      if (is_new) result_->position = located.header.position();
      if (!is_new && !applies_all) continue;
      const Segment& segment = segments_[located.segment];
      if (located.segment != segment_read) {
        segment_read = located.segment;
        reader =
            std::make_unique<RecordReader>(segment.file.get(), located.header.life, segment.limit);
      }
      VARVE_TRY(ApplyRecord(reader.get(), segment, located));
    }
    if (request_.last_index == ~uint64_t{0}) {
      result_->position.index = std::max(result_->position.index, synced_index_);
    }
    return Status::Ok();
  }

  Status ApplyRecord(RecordReader* reader, const Segment& segment, const Located& located) {
    RecordReader::Found found;
    Status status = reader->At(located.offset, true, &found);
    if (!status.ok()) status = reader->At(located.offset, true, &found);
    VARVE_TRY(status);
    if (!found.valid) {
      return Status::Corruption("a record changed while it was read")
          .At(segment.listed->path, located.offset);
    }
    progress_->bytes_read.fetch_add(found.bytes, std::memory_order_relaxed);
    if (found.header.kind != RecordKind::kBatches) return Status::Ok();
    Status applied = ApplyBatches(found.payload(), found.header.first_sequence, found.header.count,
                                  request_.memtable.get());
    if (!applied.ok()) return applied.At(segment.listed->path, located.offset);
    ++result_->records;
    result_->operations += found.header.count;
    return Status::Ok();
  }

  const WalSalvage& request_;
  JobProgress* const progress_;
  WalSalvageResult* const result_;
  std::vector<Segment> segments_;
  std::map<uint64_t, Located> log_;  // by index
  uint64_t synced_index_ = 0;        // the highest that anything claims
  bool ends_marked_ = false;         // the last record is a sync mark
  bool is_whole_ = true;
};

}  // namespace

Status SalvageWal(const WalSalvage& request, JobProgress* progress, WalSalvageResult* result) {
  *result = WalSalvageResult();
  Salvage salvage(request, progress, result);
  return salvage.Run();
}

}  // namespace varve
