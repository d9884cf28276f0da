// What the memtable costs: ns per operation, best of several rounds.
// Keys of 16 decimals behind a space id, in random order and in key order.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/hash.h"
#include "core/memtable.h"

namespace varve {
namespace {

constexpr int kEntries = 110'000;
constexpr int kRounds = 7;
constexpr size_t kMemtableBytes = 16 << 20;
constexpr char kCommon[] =
    "\x01"
    "00000000";

// Keys lie one after the other in the order they are used in: fetching them costs nothing.
class Keys {
 public:
  explicit Keys(const std::vector<uint64_t>& numbers) {
    for (const uint64_t number : numbers) {
      char key[kKeyBytes + 1];
      std::snprintf(key, sizeof(key), "\x01%016llu", static_cast<unsigned long long>(number));
      bytes_.append(key, kKeyBytes);
    }
  }
  size_t size() const { return bytes_.size() / kKeyBytes; }
  Slice operator[](size_t at) const { return Slice(bytes_).substr(at * kKeyBytes, kKeyBytes); }

 private:
  static constexpr size_t kKeyBytes = 17;
  std::string bytes_;
};

double SecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Figures {
  double insert = 1e9, hit = 1e9, miss = 1e9, seek = 1e9, next = 1e9, prev = 1e9;
};

void Best(double* best, double seconds, size_t count) {
  *best = std::min(*best, seconds * 1e9 / static_cast<double>(count));
}

void Check(bool right) {
  if (!right) std::abort();
}

void Round(const Keys& keys, const Keys& asked, const Keys& absent, const char* common,
           Figures* figures) {
  auto memtable = std::make_unique<Memtable>(kMemtableBytes);
  const std::string value(100, 'v');
  Best(&figures->insert, SecondsOf([&] {
    Sequence sequence = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      Check(memtable->Add(++sequence, Kind::kPut, keys[i], value, 0).ok());
    }
  }),
       keys.size());
  const auto lookups = [&](const Keys& asked, bool found) {
    for (size_t i = 0; i < asked.size(); ++i) {
      LookupResult result;
      memtable->Get({asked[i], Hash64(asked[i]), kSequenceMax}, &result);
      Check(result.decided() == found);
    }
  };
  Best(&figures->hit, SecondsOf([&] { lookups(asked, true); }), keys.size());
  Best(&figures->miss, SecondsOf([&] { lookups(absent, false); }), keys.size());
  auto cursor = memtable->NewCursor();
  Best(&figures->seek, SecondsOf([&] {
    for (size_t i = 0; i < asked.size(); ++i) {
      cursor->Seek(asked[i], kTrailerFirst);
      Check(cursor->valid());
    }
  }),
       keys.size());
  size_t bytes = 0, count = 0;
  Best(&figures->next, SecondsOf([&] {
    for (cursor->SeekToFirst(); cursor->valid(); cursor->Next()) {
      bytes += cursor->key().size() + static_cast<uint8_t>(cursor->value().back());
    }
  }),
       keys.size());
  Best(&figures->prev, SecondsOf([&] {
    for (cursor->SeekToLast(); cursor->valid(); cursor->Prev()) ++count;
  }),
       keys.size());
  Check(bytes > 0 && count == keys.size());
}

void Run(const char* name, bool shuffled, const char* common) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> numbers;
  for (int i = 0; i < kEntries; ++i) numbers.push_back(i * 20);
  if (shuffled) std::shuffle(numbers.begin(), numbers.end(), random);
  const Keys keys(numbers);
  std::shuffle(numbers.begin(), numbers.end(), random);
  const Keys asked(numbers);
  for (uint64_t& number : numbers) number += 7;
  const Keys absent(numbers);
  Figures figures;
  for (int i = 0; i < kRounds; ++i) Round(keys, asked, absent, common, &figures);
  std::printf("%-28s insert %5.0f  hit %4.0f  miss %4.0f  seek %4.0f  next %5.1f  prev %5.1f\n",
              name, figures.insert, figures.hit, figures.miss, figures.seek, figures.next,
              figures.prev);
}

}  // namespace
}  // namespace varve

int main() {
  std::printf("ns per operation, %d entries of 17 + 100 bytes\n", varve::kEntries);
  varve::Run("random", true, varve::kCommon);
  varve::Run("sequential", false, varve::kCommon);
  varve::Run("random, no common start", true, "");
  varve::Run("sequential, no common start", false, "");
  return 0;
}
