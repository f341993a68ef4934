// SPDX-License-Identifier: Apache-2.0
#include "ps/log_tail.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/memory_redo_log.h"

namespace skybridge::ps {
namespace {

using Entries = std::vector<std::pair<uint8_t, std::string>>;

class TailLogTest : public testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t lsn = 1; lsn <= 20; ++lsn) {
      const std::string payload(lsn % 5 == 0 ? 0 : 40 * lsn, static_cast<char>('a' + lsn));
      const std::string_view pieces[] = {payload};
      EXPECT_TRUE(log_.Append(static_cast<uint8_t>(lsn), pieces));
      entries_.emplace_back(static_cast<uint8_t>(lsn), payload);
    }
  }
  std::string Written(const TailRange& range) {
    std::string bytes;
    const Status status =
        WriteTail(**log_.Tail(range.first, range.last), range, [&](std::string_view piece) {
          bytes += piece;
          return Status();
        });
    EXPECT_TRUE(status.ok()) << status;
    return bytes;
  }
  static TailLog Of(const TailRange& range, const std::string& bytes, size_t piece = 7) {
    return TailLog(range, [&bytes, piece](const ByteSink& sink) {
      for (size_t at = 0; at < bytes.size(); at += piece) {
        SKY_RETURN_IF_ERROR(sink(std::string_view(bytes).substr(at, piece)));
      }
      return Status();
    });
  }
  static Status Read(env::RedoLog& log, uint64_t from, Entries* entries) {
    entries->clear();
    uint64_t lsn = from;
    return log.Read(from, [&](const env::RedoRecord& record) {
      EXPECT_EQ(record.lsn, lsn++);
      entries->emplace_back(record.type, record.payload);
      return Status();
    });
  }
  Entries Some(uint64_t from, uint64_t to) const {
    return {entries_.begin() + static_cast<ptrdiff_t>(from) - 1,
            entries_.begin() + static_cast<ptrdiff_t>(to)};
  }

  support::MemoryRedoLog log_;
  Entries entries_;
};

TEST_F(TailLogTest, IsTheLogItWasWrittenFromInPiecesOfAnySize) {
  for (const TailRange range : {TailRange{1, 20}, {4, 17}, {20, 20}, {21, 20}, {5, 4}}) {
    const std::string bytes = Written(range);
    for (const size_t piece : {1, 7, 33, 100000}) {
      SCOPED_TRACE(testing::Message() << range.first << " to " << range.last << " by " << piece);
      TailLog log = Of(range, bytes, piece);
      EXPECT_EQ(log.first(), range.first);
      EXPECT_EQ(log.last(), range.last);
      EXPECT_EQ(log.synced(), range.last);
      Entries read;
      for (uint64_t from = range.first; from <= range.last + 1; ++from) {
        const Status status = Read(log, from, &read);
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_EQ(read, Some(from, range.last));
      }
    }
  }
}

TEST_F(TailLogTest, EveryDamagedByteAndEveryLengthIsFound) {
  const TailRange range{9, 12};
  const std::string whole = Written(range);
  Entries read;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    TailLog log = Of(range, bytes, 64);
    ASSERT_FALSE(Read(log, 9, &read).ok()) << "byte " << at;
    bytes = whole.substr(0, at);
    TailLog cut_short = Of(range, bytes, 64);
    ASSERT_EQ(Read(cut_short, 9, &read).code(), StatusCode::kDataLoss) << "length " << at;
  }
  const std::string more = whole + "x";
  TailLog log = Of(range, more, 64);
  EXPECT_EQ(Read(log, 9, &read).code(), StatusCode::kDataLoss);
}

TEST_F(TailLogTest, OtherRecordsThanTheCheckpointSaysAreRefusedByName) {
  const std::string bytes = Written({9, 12});
  TailLog log = Of({9, 13}, bytes);
  Entries read;
  const Status status = Read(log, 9, &read);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("9 to 12"), std::string::npos) << status;
  EXPECT_NE(status.message().find("9 to 13"), std::string::npos) << status;
  EXPECT_TRUE(read.empty());
}

TEST_F(TailLogTest, AnotherFormatIsRefusedByName) {
  std::string bytes = Written({9, 12});
  bytes[8] = 9;
  TailLog log = Of({9, 12}, bytes);
  Entries read;
  const Status status = Read(log, 9, &read);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("format 9"), std::string::npos) << status;
}

TEST_F(TailLogTest, IsOnlyRead) {
  const std::string bytes = Written({9, 12});
  TailLog log = Of({9, 12}, bytes);
  EXPECT_EQ(log.Append(1, {}).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(log.Tail(9, 10).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(log.Sync().ok());
  EXPECT_TRUE(log.Release(11).ok());
  Entries read;
  EXPECT_EQ(Read(log, 8, &read).code(), StatusCode::kDataLoss);
  EXPECT_TRUE(Read(log, 9, &read).ok());
  EXPECT_EQ(read, Some(9, 12));
}

TEST_F(TailLogTest, ErrorsOfVisitorSourceAndSinkComeBack) {
  const Status stop(StatusCode::kCancelled, "enough");
  const std::string bytes = Written({9, 12});
  TailLog log = Of({9, 12}, bytes);
  EXPECT_EQ(log.Read(9, [&](const env::RedoRecord&) { return stop; }), stop);
  TailLog unread({9, 12}, [&](const ByteSink&) { return stop; });
  Entries read;
  EXPECT_EQ(Read(unread, 9, &read), stop);
  EXPECT_EQ(WriteTail(**log_.Tail(9, 12), {9, 12}, [&](std::string_view) { return stop; }), stop);
  const auto drop = [](std::string_view) { return Status(); };
  EXPECT_EQ(WriteTail(**log_.Tail(9, 12), {9, 13}, drop).code(), StatusCode::kDataLoss);
  EXPECT_EQ(WriteTail(**log_.Tail(9, 12), {9, 11}, drop).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace skybridge::ps
