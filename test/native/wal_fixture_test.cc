// The golden segment: what version 1 wrote, byte for byte, and what it means.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "wal_support.h"

namespace varve {
namespace {

std::string FixturePath() {
  const std::string file = __FILE__;
  const std::string directory = file.substr(0, file.rfind('/'));
  return directory + "/../fixtures/wal-v1.wal";
}

TEST_F(WalTest, TheGoldenSegment) {
  LogState state({40, 2, 90, 1700000000000}, "members of old");
  state.hard_state = {3, 7, 39};
  state.end = {11, 4096, 2048};
  wal_ = std::make_unique<Wal>(std::move(state));
  directory_.reserve_bytes = 0;
  ASSERT_OK(directory_.Rotate(wal_.get(), 12));
  ASSERT_OK(AppendPayload(wal_.get(), "", {RecordKind::kNoop, 3, 1700000000001}));
  ASSERT_OK(
      AppendPayload(wal_.get(),
                    BatchOf({{Kind::kPut, "apple", "red", 0}, {Kind::kTombstone, "pear", "", 0}}) +
                        BatchOf({{Kind::kPutExpiring, "plum", "blue", 1800000000000},
                                 {Kind::kRangeTombstone, "a", "b", 0},
                                 {Kind::kExpire, "fig", "", 1700000000000}}),
                    {RecordKind::kBatches, 3, 1700000000002}));
  ASSERT_OK(wal_->Sync());
  ASSERT_OK(wal_->SetHardState({4, 9, 41}));
  ASSERT_OK(AppendPayload(wal_.get(), "members", {RecordKind::kMembership, 4}));
  ASSERT_OK(wal_->Sync());
  ASSERT_OK(wal_->MarkSynced());
  std::string bytes;
  ASSERT_OK(fs_.Dump("/db/000012.wal", &bytes));
  if (std::getenv("REWRITE") != nullptr) std::ofstream(FixturePath(), std::ios::binary) << bytes;

  std::ifstream file(FixturePath(), std::ios::binary);
  std::stringstream golden;
  golden << file.rdbuf();
  ASSERT_EQ(golden.str().size(), bytes.size()) << "REWRITE=1 writes " << FixturePath();
  EXPECT_TRUE(golden.str() == bytes) << "the format changed; REWRITE=1 writes " << FixturePath();

  ASSERT_OK(fs_.Overwrite("/db/000012.wal", golden.str()));
  ReplayOptions options = directory_.Options();
  options.flushed = {40, 2, 90, 1700000000000};
  ASSERT_OK(directory_.Replay(options, &result_, &entries_));
  ASSERT_EQ(entries_.size(), 3u);
  EXPECT_EQ(entries_[1].header.first_sequence, 91u);
  EXPECT_EQ(entries_[1].header.count, 5u);
  EXPECT_EQ(result_.log.position.index, 43u);
  EXPECT_EQ(result_.log.position.sequence, 95u);
  EXPECT_EQ(result_.log.hard_state.vote, 9u);
  EXPECT_EQ(result_.log.hard_state.commit, 41u);
  EXPECT_EQ(result_.log.synced_index, 43u);
  EXPECT_EQ(result_.log.index.membership(), "members");
}

}  // namespace
}  // namespace varve
