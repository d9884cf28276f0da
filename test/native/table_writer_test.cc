// The writer's refusals and faults; separators.
#include "core/table_index.h"
#include "table_support.h"

namespace varve {
namespace {

TEST(TableWriterTest, RefusesDisorderAndUnknownKinds) {
  MemoryFileSystem fs;
  const uint64_t put = PackTrailer(5, Kind::kPut);
  for (const TableEntry& second : {TableEntry{"b", put, ""}, TableEntry{"a", put, ""},
                                   TableEntry{"c", PackTrailer(1, Kind::kRangeTombstone), "d"},
                                   TableEntry{"c", PackTrailer(1, Kind::kPutExpiring), "d"}}) {
    EXPECT_EQ(WriteTable(&fs, {}, {{"b", put, ""}, second}).code(), Code::kInvalidArgument);
  }
}

TEST(TableWriterTest, EveryFaultIsReported) {
  for (uint64_t call = 1;; ++call) {
    MemoryFileSystem fs;
    FaultPlan plan;
    plan.at_call = call;
    plan.short_write = true;
    fs.SetFaults(plan);
    const Status status = WriteTable(&fs, {}, MakeEntries(3000, 200));
    if (fs.calls() < call) {
      ASSERT_OK(status);
      break;
    }
    EXPECT_EQ(status.code(), Code::kIoError) << call;
  }
}

TEST(TableIndexTest, SeparatorsAreShortAndBetween) {
  EXPECT_EQ(ShortestSeparator("abcdef", "abz"), "abd");
  EXPECT_EQ(ShortestSeparator("abc", "abcd"), "abc");
  EXPECT_EQ(ShortestSeparator("abcdef", "abd"), "abce");
  EXPECT_EQ(ShortestSeparator("ab", "ac"), "ab");
  EXPECT_EQ(ShortestSeparator("abcdef", "abdx"), "abd");
  EXPECT_EQ(ShortestSeparator("ab\xff\xff\x01x", "ac"), "ab\xff\xff\x02");
  EXPECT_EQ(ShortestSeparator("", "a"), "");
}

}  // namespace
}  // namespace varve
