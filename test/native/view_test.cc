#include "core/view.h"

#include "read_support.h"

namespace varve {
namespace {

constexpr uint64_t kKeys = 100;

struct Fixture {
  explicit Fixture(uint64_t seed)
      : random(seed), maker(seed), writes(RandomWrites(&random, 600, kKeys, seed % 4 != 0)) {
    view = maker.Make(writes, random.Below(3), random.Below(4), random.Below(4));
  }
  SeededRandom random;
  ViewMaker maker;
  Writes writes;
  std::shared_ptr<const View> view;
};

LookupKey Lookup(const std::string& key, Sequence sequence) { return {key, Hash64(key), sequence}; }

// Against the model, with nothing expired.
void Expect(const std::map<std::string, std::string>& model, const std::string& key,
            const LookupResult& result) {
  const auto found = model.find(key);
  ASSERT_EQ(result.state == LookupResult::State::kFound, found != model.end()) << key;
  if (found == model.end()) return;
  Slice value = result.value;
  if (result.kind == Kind::kPutExpiring) value.remove_prefix(8);
  ASSERT_EQ(value, found->second) << key;
}

// Cache first, then as the answer says.
Status GetSomehow(const View& view, const LookupKey& key, LookupResult* result) {
  const Status status = view.Get(key, ReadTier::kCacheOnly, result);
  return status.IsWouldBlock() ? view.Get(key, ReadTier::kMayBlock, result) : status;
}

TEST(View, GetAgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Fixture fixture(seed);
    for (int round = 0; round < 5; ++round) {
      const Sequence sequence = round == 0 ? kSequenceMax : fixture.random.Below(620);
      const auto model = ModelAt(fixture.writes, sequence, 0);
      for (uint64_t i = 0; i < kKeys + 5; ++i) {
        const std::string key = KeyOf(i);
        LookupResult result;
        ASSERT_OK(GetSomehow(*fixture.view, Lookup(key, sequence), &result));
        // The model takes expiresAt 0 for expired.
        if (result.kind == Kind::kPutExpiring && result.decided() && !result.value.empty() &&
            DecodeFixed64(result.value.data()) == 0) {
          result.state = LookupResult::State::kDeleted;
        }
        ASSERT_NO_FATAL_FAILURE(Expect(model, key, result));
      }
    }
  }
}

TEST(View, GetManyAnswersInTheOrderAsked) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Fixture fixture(seed);
    const Sequence sequence = fixture.random.Below(620);
    std::vector<std::string> names;
    for (int i = 0; i < 40; ++i) names.push_back(KeyOf(fixture.random.Below(kKeys + 5)));
    std::vector<LookupKey> keys;
    for (const std::string& name : names) keys.push_back(Lookup(name, sequence));
    std::vector<LookupResult> results(names.size());
    bool blocked[40];
    const Status status = fixture.view->GetMany(keys.data(), keys.size(), ReadTier::kCacheOnly,
                                                results.data(), blocked);
    const bool any = std::any_of(blocked, blocked + 40, [](bool one) { return one; });
    ASSERT_EQ(status.IsWouldBlock(), any);
    ASSERT_EQ(status.ok(), !any);
    for (size_t i = 0; i < names.size(); ++i) {
      LookupResult single;
      ASSERT_OK(fixture.view->Get(keys[i], ReadTier::kMayBlock, &single));
      if (blocked[i]) continue;
      ASSERT_EQ(results[i].state == LookupResult::State::kFound,
                single.state == LookupResult::State::kFound);
      ASSERT_EQ(results[i].value, single.value);
    }
    std::vector<LookupResult> again(names.size());
    ASSERT_OK(fixture.view->GetMany(keys.data(), keys.size(), ReadTier::kMayBlock, again.data(),
                                    blocked));
    EXPECT_FALSE(std::any_of(blocked, blocked + 40, [](bool one) { return one; }));
    ASSERT_OK(fixture.view->GetMany(keys.data(), 0, ReadTier::kMayBlock, again.data(), blocked));
  }
}

}  // namespace
}  // namespace varve
