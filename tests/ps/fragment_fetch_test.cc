// SPDX-License-Identifier: Apache-2.0
#include "ps/fragment_fetch.h"

#include <optional>

#include "tests/ps/cut_shard.h"

namespace skybridge::ps {
namespace {

const TableSpecs kTables = {{.name = "counts", .kind = TableKind::kCounts}};
constexpr Phase kPhase = Phase(1);

class FragmentFetchTest : public testing::Test {
 protected:
  FragmentFetchTest() : shard_(4, {1000, kSlotCount}, {.rows = {.tables = kTables}}, objects_) {
    shard_.Start();
    EXPECT_TRUE(shard_.shard->Open({.phase = kPhase, .ranks = 1}).ok());
    Push(0);
    shard_.Prepare(1);
    Push(1);
    EXPECT_EQ(shard_.round->Cut(1, kPhase, 0).state, RoundAnswer::State::kCut);
    RoundAnswer answer;
    while (answer.state != RoundAnswer::State::kUploaded) {
      shard_.Advance();
      answer = shard_.round->Collect(1);
    }
    fragment_ = shard_.Part(answer).fragment;
  }

  void Push(uint64_t sequence) {
    PushPart part{.table = TableId(0)};
    for (uint64_t id = 0; id < 50; ++id) part.ids.push_back(RowId(id));
    part.sightings.assign(50, 1);
    EXPECT_TRUE(shard_.shard
                    ->Push({.phase = kPhase,
                            .sequence = sequence,
                            .attempt = Attempt(1),
                            .rows = Share({.parts = {part}}, shard_.own.slots)})
                    .has_value());
  }
  Result<std::unique_ptr<FragmentSource>> Open(const checkpoint::Fragment& fragment) {
    return CutFragment{fragment, shard_.options, &objects_}.Open();
  }
  static void ExpectNames(const Status& status, StatusCode code, const std::string& part) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(status.message().find(part), std::string::npos) << status;
  }
  void Flip(const std::string& key) {
    std::string& bytes = objects_.entries.at(key).bytes;
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  }

  support::MemoryObjectStore objects_;
  CutShard shard_;
  checkpoint::Fragment fragment_;
};

TEST_F(FragmentFetchTest, AShardIsOpenedFromItsObjects) {
  const auto source = Open(fragment_);
  ASSERT_TRUE(source.has_value()) << source.error();
  EXPECT_EQ((*source)->rows(), shard_.shard->rows().rows(TableId(0)));
  EXPECT_EQ((*source)->image().summary.pushes, 2u);
}

TEST_F(FragmentFetchTest, ADamagedFileOrTailIsNamed) {
  const checkpoint::File& file = fragment_.file(0);
  Flip(file.object().key());
  ExpectNames(Open(fragment_).status(), StatusCode::kDataLoss,
              "shard 4: file " + file.name() + ", object " + file.object().key());
  Flip(file.object().key());
  Flip(fragment_.tail().key());
  ExpectNames(Open(fragment_).status(), StatusCode::kDataLoss, "shard 4: ");
  Flip(fragment_.tail().key());
  EXPECT_TRUE(Open(fragment_).has_value());
}

TEST_F(FragmentFetchTest, ANameThatLeadsElsewhereIsRefused) {
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("../CURRENT"), std::string("/etc/passwd"),
        std::string("a\0b", 3), std::string(".")}) {
    checkpoint::Fragment fragment = fragment_;
    fragment.mutable_file(0)->set_name(name);
    ExpectNames(Open(fragment).status(), StatusCode::kDataLoss, "shard 4: a file is named");
  }
}

}  // namespace
}  // namespace skybridge::ps
