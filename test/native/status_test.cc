#include "core/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace varve {
namespace {

TEST(Status, OkSaysNothing) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), Code::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.file(), "");
  EXPECT_EQ(status.ToString(), "ok");
  EXPECT_TRUE(Status(Code::kOk, "ignored").ok());
}

TEST(Status, TheInnermostPlaceStays) {
  Status status = Status::Corruption("bad checksum");
  EXPECT_EQ(status.ToString(), "corruption: bad checksum");
  status.At("000012.sst", 4096).At("outer", 1).InFile("outermost");
  EXPECT_EQ(status.ToString(), "corruption: bad checksum (000012.sst at 4096)");
  EXPECT_TRUE(status.has_offset());
  EXPECT_EQ(status.offset(), 4096u);

  Status named = Status::Corruption("short");
  named.InFile("a").At("b", 1);
  EXPECT_EQ(named.ToString(), "corruption: short (a)");
  named.At("a", 7);
  EXPECT_EQ(named.ToString(), "corruption: short (a at 7)");

  Status fine;
  EXPECT_TRUE(fine.At("a", 1).InFile("b").ok());
}

TEST(Status, APlaceIsNotAddedToCopies) {
  Status status = Status::WouldBlock();
  const Status copy = status;
  status.At("file", 1);
  EXPECT_EQ(status.file(), "file");
  EXPECT_EQ(copy.file(), "");
  EXPECT_EQ(Status::WouldBlock().file(), "");
  EXPECT_TRUE(status.IsWouldBlock());
}

TEST(Status, FromErrno) {
  EXPECT_EQ(Status::FromErrno(ENOSPC, "write", "f").code(), Code::kNoSpace);
  EXPECT_EQ(Status::FromErrno(EDQUOT, "write", "f").code(), Code::kNoSpace);
  EXPECT_EQ(Status::FromErrno(ENOENT, "open", "f").code(), Code::kNotFound);
  EXPECT_EQ(Status::FromErrno(EEXIST, "open", "f").code(), Code::kExists);
  const Status status = Status::FromErrno(EIO, "write", "f");
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_EQ(status.os_error(), EIO);
  EXPECT_EQ(status.file(), "f");
  EXPECT_NE(status.message().find("write: "), std::string::npos);
}

TEST(Status, CodesHaveDistinctNames) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Code::kAborted); ++code) {
    names.insert(CodeName(static_cast<Code>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Code::kAborted) + 1);
  EXPECT_EQ(CodeName(Code::kNoSpace), "NO_SPACE");
}

}  // namespace
}  // namespace varve
