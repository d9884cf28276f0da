#include "core/filter.h"

#include <algorithm>
#include <cmath>

#include "core/coding.h"

namespace varve {
namespace {

constexpr size_t kHeaderBytes = 8;
constexpr size_t kLineBytes = 64;
constexpr uint32_t kProbesMax = 16;
constexpr double kBitsPerKeyMax = 64;
// Lines asked for ahead of the one being filled, while building.
constexpr size_t kAhead = 16;
constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;

inline size_t LineOf(uint64_t hash, uint32_t lines) {
  return static_cast<size_t>(((hash >> 32) * lines) >> 32) * kLineBytes;
}

// Fewer than bits × ln 2: lines fill unevenly, and the full ones suffer from more probes.
uint32_t ProbesFor(double bits_per_key) {
  return std::clamp(static_cast<uint32_t>(std::lround(bits_per_key * 0.6)), 1u, kProbesMax);
}

void SetBits(char* line, uint64_t hash, uint32_t probes) {
  for (uint32_t i = 0; i < probes; ++i) {
    hash *= kGoldenRatio;
    line[hash >> 58] |= static_cast<char>(1 << (hash >> 55 & 7));
  }
}

}  // namespace

FilterBuilder::FilterBuilder(double bits_per_key)
    : bits_per_key_(bits_per_key > 0 ? std::min(bits_per_key, kBitsPerKeyMax) : 0) {}

void FilterBuilder::Add(uint64_t hash) {
  if (bits_per_key_ == 0 || (!hashes_.empty() && hashes_.back() == hash)) return;
  hashes_.push_back(hash);
}

std::string FilterBuilder::Finish() {
  std::string section;
  if (hashes_.empty()) return section;
  const double bits = std::ceil(static_cast<double>(hashes_.size()) * bits_per_key_);
  const double lines_wanted = std::min(std::ceil(bits / (kLineBytes * 8)), double{UINT32_MAX});
  const auto lines = static_cast<uint32_t>(lines_wanted);
  const uint32_t probes = ProbesFor(bits_per_key_);
  PutFixed32(&section, lines);
  PutFixed32(&section, probes);
  section.resize(kHeaderBytes + size_t{lines} * kLineBytes);
  char* const first = section.data() + kHeaderBytes;
  for (size_t i = 0; i < hashes_.size(); ++i) {
    if (i + kAhead < hashes_.size()) {
      __builtin_prefetch(first + LineOf(hashes_[i + kAhead], lines), 1);
    }
    SetBits(first + LineOf(hashes_[i], lines), hashes_[i], probes);
  }
  hashes_.clear();
  return section;
}

Status Filter::Parse(Slice section, Filter* filter) {
  *filter = Filter();
  if (section.empty()) return Status::Ok();
  uint32_t lines, probes;
  Slice rest = section;
  if (!GetFixed32(&rest, &lines) || !GetFixed32(&rest, &probes)) {
    return Status::Corruption("the filter is cut short");
  }
  if (lines == 0 || uint64_t{lines} * kLineBytes != rest.size()) {
    return Status::Corruption("the filter's size is not what it says");
  }
  if (probes == 0 || probes > kProbesMax) {
    return Status::Corruption("the filter's number of probes is impossible");
  }
  filter->lines_ = rest.data();
  filter->line_count_ = lines;
  filter->probes_ = probes;
  return Status::Ok();
}

bool Filter::MayContain(uint64_t hash) const {
  if (line_count_ == 0) return true;
  const char* line = lines_ + LineOf(hash, line_count_);
  // All probes are made: leaving at the first zero costs more in mispredicted branches.
  int all = 1;
  for (uint32_t i = 0; i < probes_; ++i) {
    hash *= kGoldenRatio;
    all &= line[hash >> 58] >> (hash >> 55 & 7);
  }
  return (all & 1) != 0;
}

void Filter::Prefetch(uint64_t hash) const {
  if (line_count_ == 0) return;
  const char* line = lines_ + LineOf(hash, line_count_);
  __builtin_prefetch(line);
  __builtin_prefetch(line + kLineBytes - 1);  // a section need not lie on a line's border
}

}  // namespace varve
