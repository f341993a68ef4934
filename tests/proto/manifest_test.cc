// SPDX-License-Identifier: Apache-2.0
#include "proto/manifest.h"

#include <functional>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/hash.h"
#include "tests/support/fake_checkpoint.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::checkpoint {
namespace {

using testing::HasSubstr;

const std::string kKey = "manifests/MANIFEST-00000017";

Manifest Whole() {
  support::MemoryObjectStore store;
  return support::MakeCheckpoint(store, 17);
}

TEST(ManifestTest, KeyNamesTheRound) {
  EXPECT_EQ(ManifestKey(17), kKey);
  EXPECT_EQ(RoundOf(kKey), 17u);
  EXPECT_EQ(RoundOf(ManifestKey(4000000000)), 4000000000);
  for (const char* other : {"manifests/MANIFEST-17", "manifests/MANIFEST-0000001x",
                            "manifests/MANIFEST-", "objects/MANIFEST-00000017", ""}) {
    EXPECT_FALSE(RoundOf(other)) << other;
  }
}

TEST(ManifestTest, ReadsBackWhatWasWritten) {
  const Manifest manifest = Whole();
  const std::string bytes = EncodeManifest(manifest);
  EXPECT_THAT(bytes, testing::StartsWith("skybridge checkpoint 1 "));
  const Result<Manifest> read = DecodeManifest(kKey, bytes);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->SerializeAsString(), manifest.SerializeAsString()) << "to the last bit of epoch";
}

TEST(ManifestTest, EveryDamagedByteIsFound) {
  const std::string bytes = EncodeManifest(Whole());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    const Result<Manifest> read = DecodeManifest(kKey, damaged);
    // Hexadecimal digits mean the same in both cases.
    if (read && damaged[i] >= 'A' && damaged[i] <= 'F') continue;
    ASSERT_FALSE(read) << "byte " << i;
    EXPECT_THAT(read.error().message(), HasSubstr(kKey));
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeManifest(kKey, bytes.substr(0, size))) << size << " bytes";
  }
}

// The first line fits whatever the body is.
std::string Framed(const std::string& body) {
  return fmt::format("skybridge checkpoint 1 {} {:08x}\n{}", body.size(), Crc32c(body), body);
}

std::string Refusal(const std::string& bytes) {
  const Result<Manifest> read = DecodeManifest(kKey, bytes);
  return read ? "accepted" : read.error().ToString();
}

TEST(ManifestTest, ErrorsSayWhatIsWrong) {
  const std::string bytes = EncodeManifest(Whole());
  EXPECT_THAT(Refusal("no checkpoint"), HasSubstr("it does not begin with 'skybridge checkpoint"));
  EXPECT_THAT(Refusal("skybridge checkpoint 2 5 0\nhello"),
              HasSubstr("it has format 2, this version reads 1"));
  EXPECT_EQ(DecodeManifest(kKey, "skybridge checkpoint 2 5 0\nhello").error().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_THAT(Refusal("skybridge checkpoint 1 5\nhello"), HasSubstr("lacks size or checksum"));
  EXPECT_THAT(Refusal("skybridge checkpoint 1 6 0\nhello"),
              HasSubstr("5 bytes follow its first line, which says 6"));
  EXPECT_THAT(Refusal("skybridge checkpoint 1 5 12\nhello"), HasSubstr("its checksum is"));
  EXPECT_THAT(Refusal(Framed("round: 17\nwhat: 3\n")), HasSubstr("line 3:5: "));
  Manifest other = Whole();
  other.set_round(18);
  EXPECT_THAT(Refusal(EncodeManifest(other)), HasSubstr(kKey + ": it is of round 18"));
}

std::string Flaw(const std::function<void(Manifest&)>& change) {
  Manifest manifest = Whole();
  change(manifest);
  EXPECT_EQ(DecodeManifest(kKey, EncodeManifest(manifest)).has_value(),
            CheckManifest(manifest).ok());
  return CheckManifest(manifest).message();
}

TEST(ManifestTest, EachSlotIsInOneFragment) {
  const uint32_t third = EvenSlots(1, 3).begin;
  EXPECT_EQ(Flaw([](Manifest&) {}), "");
  EXPECT_EQ(Flaw([](Manifest& m) { m.mutable_fragment()->DeleteSubrange(0, 1); }),
            fmt::format("slots [0, {}) are in no fragment", third));
  EXPECT_EQ(Flaw([](Manifest& m) { m.mutable_fragment()->RemoveLast(); }),
            fmt::format("slots [{}, 4096) are in no fragment", EvenSlots(2, 3).begin));
  EXPECT_EQ(Flaw([&](Manifest& m) { m.mutable_fragment(1)->set_slot_begin(third - 5); }),
            fmt::format("slots [{}, {}) are in two fragments", third - 5, third));
  EXPECT_EQ(Flaw([](Manifest& m) { m.mutable_fragment(2)->set_slot_end(4097); }),
            fmt::format("shard 2 has slots [{}, 4097)", EvenSlots(2, 3).begin));
  EXPECT_EQ(Flaw([&](Manifest& m) { m.mutable_fragment(1)->set_slot_end(third); }),
            fmt::format("shard 1 has slots [{}, {})", third, third));
  EXPECT_EQ(Flaw([](Manifest& m) { m.clear_fragment(); }), "slots [0, 4096) are in no fragment");
}

TEST(ManifestTest, ItIsOfOneJob) {
  EXPECT_EQ(Flaw([](Manifest& m) { m.set_round(0); }), "it has no round");
  EXPECT_EQ(Flaw([](Manifest& m) {
              m.clear_job_high();
              m.clear_job_low();
            }),
            "it names no job");
  EXPECT_EQ(Flaw([](Manifest& m) { m.clear_generation(); }), "it names no generation");
  EXPECT_EQ(Flaw([](Manifest& m) { m.clear_state(); }), "it says nothing of where the job was");
  EXPECT_EQ(Flaw([](Manifest& m) { m.mutable_fragment(2)->set_shard(1); }),
            "shard 1 is in it twice");
}

TEST(ManifestTest, KeysStayInsideTheStore) {
  for (const char* key : {"objects/../../etc/passwd", "/etc/passwd", "manifests/x", "objects/",
                          "objects/a b", "objects/a\nb", ""}) {
    EXPECT_THAT(Flaw([&](Manifest& m) { m.mutable_fragment(0)->mutable_object()->set_key(key); }),
                HasSubstr("is no object's key"));
  }
}

TEST(ManifestTest, AFragmentMustBeTheOneThatIsMeant) {
  support::MemoryObjectStore store;
  const Manifest manifest = support::MakeCheckpoint(store, 17);
  const FragmentEntry& entry = manifest.fragment(1);
  Fragment whole;
  ASSERT_TRUE(whole.ParseFromString(store.entries[entry.object().key()].bytes));
  EXPECT_TRUE(CheckFragment(whole, entry, manifest.state()).ok());
  const auto flaw = [&](const std::function<void(Fragment&)>& change) {
    Fragment fragment = whole;
    change(fragment);
    return CheckFragment(fragment, entry, manifest.state()).message();
  };
  EXPECT_THAT(flaw([](Fragment& f) { f.set_shard(2); }), HasSubstr("the manifest says"));
  EXPECT_THAT(flaw([](Fragment& f) { f.set_slot_end(4096); }), HasSubstr("the manifest says"));
  EXPECT_THAT(flaw([](Fragment& f) { f.set_committed(39); }),
              HasSubstr("it is cut at clock 39, the job at 40"));
  EXPECT_THAT(flaw([](Fragment& f) { f.set_redo(f.cut() + 2); }), HasSubstr("its log begins at"));
  EXPECT_EQ(flaw([](Fragment& f) {
              f.set_redo(f.cut() + 1);
              f.clear_tail();
            }),
            "");
  EXPECT_THAT(flaw([](Fragment& f) { f.clear_tail(); }), HasSubstr("is no object's key"));
  EXPECT_THAT(flaw([](Fragment& f) { *f.add_file() = f.file(0); }), HasSubstr("is in it twice"));
  EXPECT_THAT(flaw([](Fragment& f) { f.mutable_file(0)->mutable_object()->set_key("objects/.."); }),
              HasSubstr("is no object's key"));
}

}  // namespace
}  // namespace skybridge::checkpoint
