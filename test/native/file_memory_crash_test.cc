#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/file_memory.h"
#include "core/seeded_random.h"
#include "file_memory_helpers.h"

namespace varve {
namespace {

constexpr uint64_t kSector = 512;

TEST(MemoryCrash, SeedZeroKeepsWhatWasSyncedOnly) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = CreateSynced(&fs, "synced");
  ASSERT_OK(file->WriteAt(0, "SYNC"));
  ASSERT_OK(file->WriteAt(6, std::string(2000, 'x')));
  EXPECT_EQ(Contents(fs, "/f"), "SYNCed" + std::string(2000, 'x'));
  fs.Crash(0);
  EXPECT_EQ(Contents(fs, "/f"), "synced");
  file = Open(&fs, "/f");
  ASSERT_OK(file->Truncate(2));
  fs.Crash(0);
  EXPECT_EQ(Contents(fs, "/f"), "synced");
  file = Open(&fs, "/f");
  ASSERT_OK(file->Truncate(2));
  ASSERT_OK(file->Allocate(4));
  ASSERT_OK(file->Sync());
  fs.Crash(0);
  EXPECT_EQ(Contents(fs, "/f"), Slice("sy\0\0", 4));
}

TEST(MemoryCrash, NamesLastOnceTheirDirectoryIsSynced) {
  MemoryFileSystem fs;
  ASSERT_OK(fs.MakeDirectory("/d"));
  ASSERT_OK(fs.SyncDirectory("/"));
  ASSERT_OK(WriteWholeFile(&fs, "/d/a", "a"));
  ASSERT_OK(WriteWholeFile(&fs, "/d/b", "b"));
  ASSERT_OK(fs.SyncDirectory("/d"));
  ASSERT_OK(fs.Unlink("/d/a"));
  ASSERT_OK(fs.Rename("/d/b", "/d/c"));
  ASSERT_OK(WriteWholeFile(&fs, "/d/e", "e"));
  EXPECT_EQ(Listing(&fs, "/d"), "c e ");
  fs.Crash(0);
  EXPECT_EQ(Listing(&fs, "/d"), "a b ");
  EXPECT_EQ(Contents(fs, "/d/a"), "a");
  ASSERT_OK(fs.Rename("/d/a", "/d/b"));
  ASSERT_OK(fs.SyncDirectory("/d"));
  fs.Crash(0);
  EXPECT_EQ(Listing(&fs, "/d"), "b ");
  EXPECT_EQ(Contents(fs, "/d/b"), "a");
}

TEST(MemoryCrash, EverySectorIsOldOrNew) {
  int torn = 0, old = 0, written = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    MemoryFileSystem fs;
    std::unique_ptr<File> file = CreateSynced(&fs, std::string(10 * kSector, 'o'));
    ASSERT_OK(file->WriteAt(kSector / 2, std::string(8 * kSector, 'n')));
    const std::string current = Contents(fs, "/f");
    fs.Crash(seed);
    const std::string left = Contents(fs, "/f");
    ASSERT_EQ(left.size(), current.size());
    size_t sectors_new = 0;
    for (size_t at = 0; at < left.size(); at += kSector) {
      const std::string sector = left.substr(at, kSector);
      if (sector == std::string(kSector, 'o')) continue;
      ASSERT_EQ(sector, current.substr(at, kSector)) << "seed " << seed << " at " << at;
      ++sectors_new;
    }
    ++(sectors_new == 0 ? old : sectors_new == 9 ? written : torn);
  }
  EXPECT_GT(torn, 20);
  EXPECT_GT(old, 20);
  EXPECT_GT(written, 20);
}

TEST(MemoryCrash, AppendedTailsAreTornAtSectors) {
  std::set<size_t> sizes;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    MemoryFileSystem fs;
    std::unique_ptr<File> file = CreateSynced(&fs, std::string(700, 'o'));
    ASSERT_OK(file->WriteAt(700, std::string(3000, 'n')));
    fs.Crash(seed);
    const std::string left = Contents(fs, "/f");
    sizes.insert(left.size());
    ASSERT_EQ(left.substr(0, 700), std::string(700, 'o'));
    // What is not there reads as zeros, sector by sector.
    for (size_t at = 700; at < left.size();) {
      const size_t end = std::min((at / kSector + 1) * kSector, left.size());
      const std::string part = left.substr(at, end - at);
      ASSERT_TRUE(part == std::string(part.size(), 'n') || part == std::string(part.size(), '\0'));
      at = end;
    }
    EXPECT_TRUE(left.size() == 700 || left.size() == 3700 || left.size() % kSector == 0);
  }
  EXPECT_GT(sizes.size(), 5u);
}

TEST(MemoryCrash, ARenameIsKeptOrLostAsAWhole) {
  std::map<std::string, int> outcomes;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    MemoryFileSystem fs;
    ASSERT_OK(WriteWholeFile(&fs, "/CURRENT", "old"));
    ASSERT_OK(WriteWholeFile(&fs, "/temporary", "new"));
    ASSERT_OK(fs.SyncDirectory("/"));
    ASSERT_OK(fs.Rename("/temporary", "/CURRENT"));
    fs.Crash(seed);
    ++outcomes[Listing(&fs, "/") + Contents(fs, "/CURRENT")];
  }
  EXPECT_EQ(outcomes.size(), 2u);
  EXPECT_GT(outcomes["CURRENT new"], 20);
  EXPECT_GT(outcomes["CURRENT temporary old"], 20);
}

TEST(MemoryCrash, NamesAndBytesAreIndependent) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    MemoryFileSystem fs;
    ASSERT_OK(Create(&fs, "/f")->WriteAt(0, "text"));
    fs.Crash(seed);
    outcomes.insert(Contents(fs, "/f"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"NOT_FOUND", "", "text", std::string(4, '\0')}));
}

TEST(MemoryCrash, ClosesHandlesAndLocks) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = CreateSynced(&fs, "text");
  std::unique_ptr<FileLock> lock, next;
  ASSERT_OK(fs.Lock("/LOCK", true, "me", &lock));
  fs.Crash(0);
  char bytes[4];
  size_t read = 0;
  uint64_t size = 0;
  const uint64_t calls = fs.calls();
  for (const Status& status :
       {file->ReadAt(0, 4, bytes, &read), file->ReadAtNoWait(0, 4, bytes, &read),
        file->WriteAt(0, "TEXT"), file->SyncData(), file->Sync(), file->Truncate(0),
        file->Allocate(10), file->Size(&size)}) {
    EXPECT_EQ(status.code(), Code::kIoError);
    EXPECT_EQ(status.file(), "/f");
  }
  EXPECT_EQ(fs.calls(), calls);
  ASSERT_OK(fs.Lock("/LOCK", true, "other", &next));
  lock.reset();  // of before: gives nothing back
  EXPECT_EQ(fs.Lock("/LOCK", true, "third", &lock).message(), "other");
  EXPECT_EQ(Contents(fs, "/f"), "text");
}

TEST(MemoryKill, LosesNoByteAndNoName) {
  MemoryFileSystem fs;
  std::unique_ptr<File> file = Create(&fs, "/f");
  ASSERT_OK(file->WriteAt(0, "text"));
  const uint64_t digest = fs.Digest();
  fs.Kill();
  EXPECT_EQ(fs.Digest(), digest);
  EXPECT_FALSE(file->Sync().ok());
  fs.Crash(0);  // it was in memory only
  EXPECT_EQ(Listing(&fs, "/"), "");
}

// Random work, cut off at random: what was synced is there, and the same seed gives
// the same disk.
uint64_t RandomLife(uint64_t seed) {
  MemoryFileSystem fs;
  SeededRandom random(seed);
  std::map<std::string, std::string> synced;  // contents, of files whose name is synced too
  for (int step = 0; step < 60; ++step) {
    const std::string path = "/" + std::string(1, static_cast<char>('a' + random.Below(4)));
    std::unique_ptr<File> file = Open(&fs, path, OpenMode::kCreateTruncate);
    const std::string text(1 + random.Below(3000), static_cast<char>('a' + random.Below(26)));
    synced.erase(path);
    EXPECT_TRUE(file->WriteAt(0, text).ok());
    if (random.Coin()) {
      EXPECT_TRUE(file->SyncData().ok());
      EXPECT_TRUE(fs.SyncDirectory("/").ok());
      synced[path] = text;
    }
    if (random.Below(10) != 0) continue;
    fs.Crash(random.Next());
    for (const auto& [name, contents] : synced) EXPECT_EQ(Contents(fs, name), contents);
  }
  return fs.Digest();
}

TEST(MemoryCrash, SyncedFilesSurviveAndSeedsRepeat) {
  std::set<uint64_t> digests;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const uint64_t digest = RandomLife(seed);
    EXPECT_EQ(RandomLife(seed), digest);
    digests.insert(digest);
  }
  EXPECT_EQ(digests.size(), 100u);
}

}  // namespace
}  // namespace varve
