// SPDX-License-Identifier: Apache-2.0
#include "launch/cluster_keys.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "tests/data/scratch_folder.h"

namespace skybridge::launch {
namespace {

class ClusterKeysTest : public testing::Test {
 protected:
  data::ScratchFolder scratch_;
  const std::string path_ = scratch_.path() + "/cluster.keys";
};

TEST_F(ClusterKeysTest, AreReadAsTheyWereDrawnAndAreTheOwnersAlone) {
  ASSERT_TRUE(DrawClusterKeys(path_).ok());
  const auto keys = ReadClusterKeys(path_);
  ASSERT_TRUE(keys.has_value()) << keys.error();
  EXPECT_NE(keys->server_public_key, keys->own.public_key);
  struct stat about {};
  ASSERT_EQ(stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(ClusterKeysTest, AreNotDrawnOverOthers) {
  ASSERT_TRUE(DrawClusterKeys(path_).ok());
  const auto before = ReadClusterKeys(path_);
  const Status again = DrawClusterKeys(path_);
  EXPECT_EQ(again.code(), StatusCode::kAlreadyExists);
  EXPECT_NE(again.message().find(path_), std::string::npos) << again;
  EXPECT_EQ(ReadClusterKeys(path_)->own.secret_key, before->own.secret_key);
}

TEST_F(ClusterKeysTest, WhatIsNoneIsNamedByFile) {
  EXPECT_EQ(ReadClusterKeys(path_).status().code(), StatusCode::kNotFound);
  for (const char* text : {"", "[]", "{}", "{\"server\": {\"public\": 3}}",
                           "{\"server\": \"x\", \"node\": {\"public\": \"short\"}}"}) {
    scratch_.Write("cluster.keys", text);
    const Status refused = ReadClusterKeys(path_).status();
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument) << text;
    EXPECT_NE(refused.message().find(path_), std::string::npos) << refused;
  }
}

}  // namespace
}  // namespace skybridge::launch
