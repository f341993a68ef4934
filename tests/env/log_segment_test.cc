// SPDX-License-Identifier: Apache-2.0
#include "env/log_segment.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <glog/logging.h>
#include <gtest/gtest.h>

#include "tests/support/sim_disk.h"

namespace skybridge::env {
namespace {

constexpr uint64_t kStore = 7;
const std::string kPath = "log/1";

class LogSegmentTest : public testing::Test {
 protected:
  LogSegmentTest() : segment_(kPath, Created(disk_)) {}

  static std::shared_ptr<DiskFile> Created(Disk& disk) {
    auto file = disk.Create(kPath, LogSegment::kRecordsAt + 1000);
    CHECK(file) << file.error();
    return *std::move(file);
  }
  // Appends one behind the others.
  void Write(uint64_t lsn, const std::string& text) {
    const std::string_view pieces[] = {text};
    ASSERT_TRUE(segment_.WriteRecord(end_, lsn, 3, text.size(), pieces, 4).ok());
    end_ += LogSegment::kRecordHeaderBytes + text.size();
  }
  LogSegment Opened() {
    auto opened = LogSegment::Open(disk_, kPath, kStore);
    CHECK(opened) << opened.error();
    return *std::move(opened);
  }
  LogMark NewestMark(size_t* place) {
    const auto mark = Opened().NewestMark(place);
    CHECK(mark) << mark.error();
    return *mark;
  }

  support::SimDisk disk_;
  LogSegment segment_;
  uint64_t end_ = LogSegment::kRecordsAt;
};

TEST_F(LogSegmentTest, HeaderTellsWhoseItIsAndWhatItBeginsWith) {
  EXPECT_EQ(Opened().nonce(), 0u) << "never used";
  ASSERT_TRUE(segment_.WriteHeader(kStore, 5, 40, 30).ok());
  EXPECT_EQ(Opened().nonce(), 5u);
  EXPECT_EQ(Opened().first_lsn(), 40u);
  const Status other = LogSegment::Open(disk_, kPath, kStore + 1).status();
  EXPECT_EQ(other.code(), StatusCode::kFailedPrecondition) << other;
  disk_.files[kPath].now[33] ^= 1;
  EXPECT_EQ(Opened().nonce(), 0u) << "torn";
}

TEST_F(LogSegmentTest, OneThatWasMadeReadyBeginsWhereMarksOrItsFirstRecordSay) {
  ASSERT_TRUE(segment_.WriteHeader(kStore, 5, 0, 30).ok());
  EXPECT_EQ(Opened().first_lsn(), 0u);
  Write(41, "one");
  EXPECT_EQ(Opened().first_lsn(), 41u);
  segment_.set_first_lsn(41);
  ASSERT_TRUE(segment_.WriteMark(0, 41, 30).ok());
  disk_.files[kPath].now[LogSegment::kRecordsAt] ^= 1;
  EXPECT_EQ(Opened().first_lsn(), 41u);
}

TEST_F(LogSegmentTest, TheNewestWholeMarkOfThisUseCounts) {
  ASSERT_TRUE(segment_.WriteHeader(kStore, 4, 20, 10).ok());
  ASSERT_TRUE(segment_.WriteMark(0, 29, 20).ok());
  ASSERT_TRUE(segment_.WriteHeader(kStore, 5, 40, 30).ok());
  size_t place = 7;
  EXPECT_EQ(NewestMark(&place).synced_lsn, 39u) << "what was before it is synced";
  EXPECT_EQ(place, 7u);
  ASSERT_TRUE(segment_.WriteMark(1, 42, 30).ok());
  ASSERT_TRUE(segment_.WriteMark(0, 45, 35).ok());
  EXPECT_EQ(NewestMark(&place).synced_lsn, 45u);
  EXPECT_EQ(NewestMark(&place).oldest_lsn, 35u);
  EXPECT_EQ(place, 0u);
  disk_.files[kPath].now[LogSegment::kSectorBytes + 17] ^= 1;
  EXPECT_EQ(NewestMark(&place).synced_lsn, 42u);
  EXPECT_EQ(place, 1u);
}

TEST_F(LogSegmentTest, RecordsBehindTheEndAreWiped) {
  ASSERT_TRUE(segment_.WriteHeader(kStore, 5, 40, 30).ok());
  Write(40, "one");
  const uint64_t gap = end_;
  Write(41, "two");
  Write(42, "three");
  disk_.files[kPath].now[gap] ^= 1;
  uint64_t next = 0;
  EXPECT_EQ(*segment_.Scan(UINT64_MAX, 0, nullptr, &next), gap);
  EXPECT_EQ(next, 41u);
  ASSERT_TRUE(segment_.WipeTail(gap, 41).ok());
  const size_t three = gap + LogSegment::kRecordHeaderBytes + 3;
  EXPECT_EQ(disk_.files[kPath].now.substr(three, LogSegment::kRecordHeaderBytes),
            std::string(LogSegment::kRecordHeaderBytes, '\0'));
}

TEST_F(LogSegmentTest, OneWithoutAHeaderMustNotHoldWhatIsNeeded) {
  ASSERT_TRUE(segment_.WriteHeader(kStore, 5, 40, 30).ok());
  Write(40, "one");
  EXPECT_TRUE(segment_.CheckNotNeeded(41).ok());
  const Status refused = segment_.CheckNotNeeded(40);
  EXPECT_EQ(refused.code(), StatusCode::kDataLoss) << refused;
  EXPECT_NE(refused.message().find(kPath), std::string::npos) << refused;
}

}  // namespace
}  // namespace skybridge::env
