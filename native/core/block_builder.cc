#include "core/block_builder.h"

#include <algorithm>

#include "core/block.h"
#include "core/block_entry.h"

namespace varve {
namespace {

constexpr size_t kFooterBytes = 8;

}  // namespace

BlockBuilder::BlockBuilder(int restart_interval, bool hash_index)
    : restart_interval_(std::max(restart_interval, 1)), hash_index_(hash_index) {}

void BlockBuilder::Add(Slice key, uint64_t hash, uint64_t trailer, Slice value) {
  const bool restart = entries_ == 0 || since_restart_ == restart_interval_;
  const size_t common =
      CommonLength(key.data(), last_key_.data(), std::min(key.size(), last_key_.size()));
  // A bucket names the restart of the key's newest version; the older ones follow it.
  const bool new_key = entries_ == 0 || common != key.size() || last_key_.size() != key.size();
  if (restart) {
    restarts_.push_back(static_cast<uint32_t>(buffer_.size()));
    since_restart_ = 0;
  }
  if (new_key && hash_index_ && restarts_.size() <= Block::kBucketCollision) {
    hashes_.emplace_back(hash, static_cast<uint8_t>(restarts_.size() - 1));
  }
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

// Three quarters full at most: few keys collide, and each costs less than two bytes.
size_t BlockBuilder::Buckets() const {
  if (hashes_.empty() || restarts_.size() > Block::kBucketCollision) return 0;
  return std::min<size_t>(hashes_.size() * 4 / 3 + 1, UINT16_MAX);
}

void BlockBuilder::AppendHashIndex(size_t buckets) {
  const size_t start = buffer_.size();
  buffer_.append(buckets, static_cast<char>(Block::kBucketEmpty));
  for (const auto& [hash, restart] : hashes_) {
    char& bucket = buffer_[start + hash % buckets];
    const auto taken = static_cast<uint8_t>(bucket);
    const bool free = taken == Block::kBucketEmpty || taken == restart;
    bucket = static_cast<char>(free ? restart : Block::kBucketCollision);
  }
}

Slice BlockBuilder::Finish() {
  if (finished_) return buffer_;
  const size_t buckets = Buckets();
  buffer_.reserve(SizeEstimate());
  for (const uint32_t offset : restarts_) PutFixed32(&buffer_, offset);
  if (buckets != 0) AppendHashIndex(buckets);
  PutFixed32(&buffer_, static_cast<uint32_t>(restarts_.size()));
  PutFixed16(&buffer_, static_cast<uint16_t>(buckets));
  PutFixed16(&buffer_, 0);
  finished_ = true;
  return buffer_;
}

void BlockBuilder::Reset() {
  buffer_.clear();
  restarts_.clear();
  hashes_.clear();
  last_key_.clear();
  last_trailer_ = 0;
  entries_ = 0;
  since_restart_ = 0;
  finished_ = false;
}

size_t BlockBuilder::SizeEstimate() const {
  if (finished_) return buffer_.size();
  return buffer_.size() + restarts_.size() * 4 + Buckets() + kFooterBytes;
}

}  // namespace varve
