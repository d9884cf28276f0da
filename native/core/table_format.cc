#include "core/table_format.h"

#include <utility>

#include "core/coding.h"

namespace varve {
namespace {

using Number = std::pair<Slice, uint64_t TableProperties::*>;
using Bytes = std::pair<Slice, std::string TableProperties::*>;
using P = TableProperties;

constexpr Number kNumbers[] = {
    {"entries", &P::entries},
    {"tombstones", &P::tombstones},
    {"range_tombstones", &P::range_tombstones},
    {"expiring", &P::expiring},
    {"expires_first_ms", &P::expires_first_ms},
    {"expires_last_ms", &P::expires_last_ms},
    {"sequence_first", &P::sequence_first},
    {"sequence_last", &P::sequence_last},
    {"snapshot_sequence_last", &P::snapshot_sequence_last},
    {"key_bytes", &P::key_bytes},
    {"value_bytes", &P::value_bytes},
    {"data_bytes", &P::data_bytes},
    {"index_bytes", &P::index_bytes},
    {"filter_bytes", &P::filter_bytes},
    {"file_bytes", &P::file_bytes},
    {"blocks", &P::blocks},
    {"bound_is_range_end", &P::bound_is_range_end},
};
constexpr Bytes kStrings[] = {
    {"key_first", &P::key_first},
    {"key_last", &P::key_last},
};

bool DecodeNumber(Slice* input, TableProperties* properties) {
  Slice name;
  uint64_t value;
  if (!GetLengthPrefixed(input, &name) || !GetVarint64(input, &value)) return false;
  for (const auto& [known, member] : kNumbers) {
    if (name == known) properties->*member = value;
  }
  return true;
}

bool DecodeString(Slice* input, TableProperties* properties) {
  Slice name, value;
  if (!GetLengthPrefixed(input, &name) || !GetLengthPrefixed(input, &value)) return false;
  for (const auto& [known, member] : kStrings) {
    if (name == known) (properties->*member).assign(value);
  }
  return true;
}

bool DecodeAll(Slice* input, bool (*decode)(Slice*, TableProperties*), TableProperties* to) {
  uint64_t count;
  if (!GetVarint64(input, &count)) return false;
  for (; count > 0; --count) {
    if (!decode(input, to)) return false;
  }
  return true;
}

}  // namespace

std::string EncodeProperties(const TableProperties& properties) {
  std::string encoded;
  PutVarint64(&encoded, std::size(kNumbers));
  for (const auto& [name, member] : kNumbers) {
    PutLengthPrefixed(&encoded, name);
    PutVarint64(&encoded, properties.*member);
  }
  PutVarint64(&encoded, std::size(kStrings));
  for (const auto& [name, member] : kStrings) {
    PutLengthPrefixed(&encoded, name);
    PutLengthPrefixed(&encoded, properties.*member);
  }
  return encoded;
}

Status DecodeProperties(Slice input, TableProperties* properties) {
  TableProperties decoded;
  if (!DecodeAll(&input, DecodeNumber, &decoded) || !DecodeAll(&input, DecodeString, &decoded)) {
    return Status::Corruption("the table's properties are malformed");
  }
  if (!input.empty()) return Status::Corruption("bytes follow the table's properties");
  *properties = std::move(decoded);
  return Status::Ok();
}

}  // namespace varve
