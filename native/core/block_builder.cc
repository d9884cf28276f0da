#include "core/block_builder.h"

#include <algorithm>

#include "core/block.h"
#include "core/block_entry.h"

namespace varve {
namespace {

constexpr size_t kFooterBytes = 8;

}  // namespace

BlockBuilder::BlockBuilder(int restart_interval, bool hash_index)
    : restart_interval_(std::clamp(restart_interval, 1, int{UINT16_MAX})),
      hash_index_(hash_index) {}

void BlockBuilder::Add(Slice key, uint64_t hash, uint64_t trailer, Slice value) {
  const bool restart = entries_ == 0 || since_restart_ == restart_interval_;
  const size_t common =
      CommonLength(key.data(), last_key_.data(), std::min(key.size(), last_key_.size()));
  if (restart) {
    restarts_.push_back(static_cast<uint32_t>(buffer_.size()));
    since_restart_ = 0;
  }
  if (hash_index_) tags_.push_back(Block::TagOf(hash));
  const size_t shared = restart ? 0 : common;
  char header[3 * kVarint32BytesMax];
  char* end = EncodeVarint32(header, static_cast<uint32_t>(shared));
  end = EncodeVarint32(end, static_cast<uint32_t>(key.size() - shared));
  end = EncodeVarint32(end, static_cast<uint32_t>(value.size()));
  buffer_.append(header, static_cast<size_t>(end - header));
  buffer_.append(key.substr(shared));
  PutFixed64(&buffer_, trailer);
  buffer_.append(value);

  last_key_.resize(common);
  last_key_.append(key.substr(common));
  last_trailer_ = trailer;
  ++entries_;
  ++since_restart_;
}

// How many the block gets: one for each entry, or none.
size_t BlockBuilder::Tags() const { return tags_.size() <= UINT16_MAX ? tags_.size() : 0; }

Slice BlockBuilder::Finish() {
  if (finished_) return buffer_;
  const size_t tags = Tags();
  buffer_.reserve(SizeEstimate());
  for (const uint32_t offset : restarts_) PutFixed32(&buffer_, offset);
  buffer_.append(tags_, 0, tags);
  PutFixed32(&buffer_, static_cast<uint32_t>(restarts_.size()));
  PutFixed16(&buffer_, static_cast<uint16_t>(tags));
  PutFixed16(&buffer_, static_cast<uint16_t>(restart_interval_));
  finished_ = true;
  return buffer_;
}

void BlockBuilder::Reset() {
  buffer_.clear();
  restarts_.clear();
  tags_.clear();
  last_key_.clear();
  last_trailer_ = 0;
  entries_ = 0;
  since_restart_ = 0;
  finished_ = false;
}

size_t BlockBuilder::SizeEstimate() const {
  if (finished_) return buffer_.size();
  return buffer_.size() + restarts_.size() * 4 + Tags() + kFooterBytes;
}

}  // namespace varve
