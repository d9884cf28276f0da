#include "core/table_probes.h"

#include <utility>

namespace varve {

void TableProbes::Add(const TableReader* table, const LookupKey* key, LookupResult* result,
                      bool* blocked) {
  table->Prefetch(key->hash);
  probes_[count_++] = {table, key, result, blocked, 0, BlockPin()};
}

// Those that the filter lets through stay.
void TableProbes::FindBlocks() {
  size_t left = 0;
  for (size_t i = 0; i < count_; ++i) {
    const Probe& probe = probes_[i];
    const TableReader& table = *probe.table;
    if (!table.MayHold(*probe.key, probe.result)) continue;
    const uint32_t block = table.index_.Find(probe.key->key, SeekTrailer(probe.key->sequence));
    if (block < table.index_.blocks()) table.slots_->PrefetchSlot(block);
    probes_[left++] = {probe.table, probe.key, probe.result, probe.blocked, block, BlockPin()};
  }
  count_ = left;
}

// Of those that are in the cache.
void TableProbes::PinBlocks() {
  std::array<bool, kMax> cached;
  for (size_t i = 0; i < count_; ++i) {
    const TableReader& table = *probes_[i].table;
    cached[i] =
        probes_[i].block < table.index_.blocks() && table.slots_->PrefetchBlock(probes_[i].block);
  }
  for (size_t i = 0; i < count_; ++i) {
    Probe& probe = probes_[i];
    if (cached[i]) probe.pin = probe.table->slots_->Find(probe.block);
    if (probe.pin) probe.pin.get()->PrefetchIndex();
  }
}

Status TableProbes::Run(ReadTier tier) {
  FindBlocks();
  PinBlocks();
  for (size_t i = 0; i < count_; ++i) {
    const Probe& probe = probes_[i];
    if (probe.pin) probe.pin.get()->PrefetchEntry(probe.key->hash);
  }
  Status status;
  for (size_t i = 0; i < count_; ++i) {
    Probe& probe = probes_[i];
    if (!status.ok()) {
      probe.pin.Release();
      continue;
    }
    Status found =
        probe.table->GetFrom(probe.block, std::move(probe.pin), *probe.key, tier, probe.result);
    *probe.blocked = found.IsWouldBlock();
    if (!*probe.blocked) status = std::move(found);
  }
  count_ = 0;
  return status;
}

}  // namespace varve
