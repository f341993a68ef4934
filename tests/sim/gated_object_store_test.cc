// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/gated_object_store.h"

#include <gtest/gtest.h>

#include "tests/sim/fused_disk.h"
#include "tests/support/memory_object_store.h"

namespace skybridge::sim {
namespace {

Status WriteObject(ObjectStore& store) {
  SKY_ASSIGN_OR_RETURN(const auto writer, store.Create());
  SKY_RETURN_IF_ERROR(writer->Append("rows"));
  return writer->Finish("objects/a", "").status();
}

TEST(GatedObjectStoreTest, AProcessDiesBetweenAnyTwoCalls) {
  support::MemoryObjectStore objects;
  Fuse fuse;
  GatedObjectStore<Fuse> store(objects, fuse);
  for (uint64_t calls = 0; calls < 3; ++calls) {
    fuse.Renew();
    fuse.Arm(calls, false);
    EXPECT_EQ(WriteObject(store).code(), StatusCode::kUnavailable);
    EXPECT_TRUE(fuse.blown());
    EXPECT_TRUE(objects.entries.empty());
  }
  fuse.Renew();
  EXPECT_TRUE(WriteObject(store).ok());
  fuse.Arm(0, true);
  EXPECT_FALSE(store.Put("manifests/x", "m").ok());
  EXPECT_EQ(objects.entries.size(), 2u);  // It was carried out.
}

TEST(GatedObjectStoreTest, ThroughAnOpenGateItIsTheStoreBehindIt) {
  support::MemoryObjectStore objects;
  Fuse fuse;
  GatedObjectStore<Fuse> store(objects, fuse);
  ASSERT_TRUE(store.Put("manifests/x", "abc").ok());
  objects.now = 7;
  EXPECT_EQ(*store.Get("manifests/x", 10), "abc");
  EXPECT_EQ(*store.Bytes("manifests/x"), 3u);
  EXPECT_EQ(*store.Age("manifests/x"), 7);
  EXPECT_EQ(store.List("manifests/")->size(), 1u);
  std::string bytes;
  const auto take = [&](std::string_view piece) {
    bytes += piece;
    return Status();
  };
  EXPECT_TRUE(store.Read({"manifests/x", 3, Crc32c("abc")}, take).ok());
  EXPECT_EQ(bytes, "abc");
  EXPECT_TRUE(store.Delete("manifests/x").ok());
  EXPECT_EQ(store.Bytes("manifests/x").error().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace skybridge::sim
