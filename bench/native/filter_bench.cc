// What a filter costs: ns per key to build and per lookup, and its false positives.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/filter.h"
#include "core/hash.h"

namespace varve {
namespace {

using Clock = std::chrono::steady_clock;

double NsPer(Clock::time_point start, uint64_t count) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() /
         static_cast<double>(count);
}

uint64_t HashOf(uint64_t number) {
  return Hash64(Slice(reinterpret_cast<const char*>(&number), sizeof(number)));
}

void Run(uint64_t keys, double bits_per_key) {
  auto start = Clock::now();
  FilterBuilder builder(bits_per_key);
  for (uint64_t i = 0; i < keys; ++i) builder.Add(HashOf(i));
  const std::string section = builder.Finish();
  const double build = NsPer(start, keys);
  Filter filter;
  if (!Filter::Parse(section, &filter).ok()) std::abort();
  uint64_t hits = 0, false_positives = 0;
  start = Clock::now();
  for (uint64_t i = 0; i < keys; ++i) hits += filter.MayContain(HashOf(i));
  const double hit = NsPer(start, keys);
  start = Clock::now();
  for (uint64_t i = 0; i < keys; ++i) false_positives += filter.MayContain(HashOf(keys + i));
  const double miss = NsPer(start, keys);
  if (hits != keys) std::abort();
  std::printf(
      "%8llu keys, %4.1f bits: build %5.1f  hit %5.1f  miss %5.1f ns, false positives %.3f %%\n",
      static_cast<unsigned long long>(keys), bits_per_key, build, hit, miss,
      100.0 * static_cast<double>(false_positives) / static_cast<double>(keys));
}

}  // namespace
}  // namespace varve

int main() {
  for (const uint64_t keys : {10'000u, 100'000u, 1'000'000u}) {
    for (const double bits : {8.0, 10.0, 12.0, 16.0}) varve::Run(keys, bits);
  }
  return 0;
}
