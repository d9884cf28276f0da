#include "core/table_index.h"

#include <algorithm>

#include "core/coding.h"
#include "core/prefix_search.h"
#include "core/table_format.h"

namespace varve {
namespace {

constexpr size_t kWord = sizeof(uint64_t);

size_t CommonBytes(Slice a, Slice b) {
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin()).first -
      a.begin());
}

}  // namespace

std::string ShortestSeparator(Slice last, Slice next) {
  const size_t at = CommonBytes(last, next);
  if (at == last.size()) return std::string(last);
  const auto low = static_cast<uint8_t>(last[at]);
  const auto high = static_cast<uint8_t>(next[at]);
  if (low + 1 < high || next.size() > at + 1) {
    if (last.size() == at + 1) return std::string(last);
    std::string separator(last.substr(0, at));
    separator.push_back(static_cast<char>(low + 1));
    return separator;
  }
  // `next` is the first key that starts with the greater byte: stay below it.
  for (size_t i = at + 1; i + 1 < last.size(); ++i) {
    if (static_cast<uint8_t>(last[i]) == 0xff) continue;
    std::string separator(last.substr(0, i + 1));
    separator[i] = static_cast<char>(static_cast<uint8_t>(last[i]) + 1);
    return separator;
  }
  return std::string(last);
}

void TableIndexBuilder::Add(uint64_t offset, Slice key, uint64_t trailer) {
  offsets_.push_back(offset);
  separators_.append(key);
  PutFixed64(&separators_, trailer);
  ends_.push_back(separators_.size());
}

size_t TableIndexBuilder::SizeEstimate() const {
  return separators_.size() + offsets_.size() * (2 * kWord + sizeof(uint32_t)) + 4 * kWord;
}

Status TableIndexBuilder::Finish(uint64_t data_end, std::string* section) {
  if (separators_.size() > UINT32_MAX || offsets_.size() >= UINT32_MAX) {
    return Status(Code::kTooLarge, "the table's index outgrew the format");
  }
  const size_t blocks = offsets_.size();
  const auto key_of = [this](size_t block) {
    const size_t start = block == 0 ? 0 : ends_[block - 1];
    return Slice(separators_).substr(start, ends_[block] - start - kWord);
  };
  Slice common;
  if (blocks > 0) {
    common = key_of(0).substr(0, CommonBytes(key_of(0), key_of(blocks - 1)));
  }
  section->clear();
  PutFixed32(section, static_cast<uint32_t>(blocks));
  PutLengthPrefixed(section, common);
  section->resize((section->size() + kWord - 1) / kWord * kWord);
  for (size_t i = 0; i < blocks; ++i) PutFixed64(section, KeyPrefix(key_of(i), common));
  for (const uint64_t offset : offsets_) PutFixed64(section, offset);
  PutFixed64(section, data_end);
  PutFixed32(section, 0);
  for (const size_t end : ends_) PutFixed32(section, static_cast<uint32_t>(end));
  section->append(separators_);
  return Status::Ok();
}

Status TableIndex::Parse(Slice section, uint64_t data_start, uint64_t data_end, TableIndex* index) {
  const Status malformed = Status::Corruption("the table's index is malformed");
  *index = TableIndex();
  Slice rest = section;
  uint32_t blocks;
  if (!GetFixed32(&rest, &blocks) || !GetLengthPrefixed(&rest, &index->common_)) return malformed;
  const size_t start = (section.size() - rest.size() + kWord - 1) / kWord * kWord;
  const uint64_t arrays = uint64_t{blocks} * kWord + (uint64_t{blocks} + 1) * (kWord + 4);
  if (start > section.size() || arrays > section.size() - start) return malformed;
  const char* const at = section.data() + start;
  index->blocks_ = blocks;
  index->prefixes_ = reinterpret_cast<const uint64_t*>(at);
  index->offsets_ = index->prefixes_ + blocks;
  index->ends_ = reinterpret_cast<const uint32_t*>(index->offsets_ + blocks + 1);
  index->separators_ = at + arrays;
  if (index->offsets_[0] != data_start || index->offsets_[blocks] != data_end) return malformed;
  if (index->ends_[0] != 0 || index->ends_[blocks] != section.size() - start - arrays) {
    return malformed;
  }
  for (uint32_t i = 0; i < blocks; ++i) {
    const uint64_t from = index->offsets_[i], to = index->offsets_[i + 1];
    if (to < from || to - from <= kBlockTrailerBytes || to - from > UINT32_MAX) return malformed;
    if (uint64_t{index->ends_[i]} + kWord > index->ends_[i + 1]) return malformed;
  }
  return Status::Ok();
}

uint64_t TableIndex::separator_trailer(uint32_t block) const {
  return DecodeFixed64(separators_ + ends_[block + 1] - kWord);
}

uint32_t TableIndex::Find(Slice key, uint64_t trailer) const {
  const uint64_t prefix = KeyPrefix(key, common_);
  auto low = static_cast<uint32_t>(CountBelow(prefixes_, blocks_, prefix));
  if (low == blocks_ || prefixes_[low] != prefix || Compare(low, key, trailer) >= 0) return low;
  uint32_t high = blocks_;
  if (prefix != ~uint64_t{0}) {
    high = static_cast<uint32_t>(CountBelow(prefixes_, blocks_, prefix + 1));
  }
  ++low;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (Compare(middle, key, trailer) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Status TableIndex::Check() const {
  for (uint32_t i = 0; i < blocks_; ++i) {
    if (KeyPrefix(separator_key(i), common_) != prefixes_[i]) {
      return Status::Corruption("a prefix in the table's index is not its separator's");
    }
    if (i > 0 && Compare(i - 1, separator_key(i), separator_trailer(i)) >= 0) {
      return Status::Corruption("the table's separators are out of order");
    }
  }
  return Status::Ok();
}

}  // namespace varve
