// SPDX-License-Identifier: Apache-2.0
#include "env/image_chain.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

class ImageChainTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/skybridge_image_chain_" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<ImageChain> Begin(const std::string& name, const ImageChain* former = nullptr) {
    Write(name + "/CURRENT", "MANIFEST-000004");
    Write(name + "/000007.sst", "base");
    auto chain = ImageChain::Begin(folder_ + "/" + name, additions_, former);
    CHECK(chain) << chain.error();
    return *std::move(chain);
  }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name) << text;
  }
  // Adds one file, which is then gone from where it was.
  Status Add(ImageChain& chain, size_t family, const std::string& text, Status how = Status()) {
    Write("run", text);
    return AddRun(chain, family, std::move(how));
  }
  Status AddRun(ImageChain& chain, size_t family, Status how = Status()) {
    const std::vector<AddedFile> files = {{.family = family, .path = folder_ + "/run"}};
    return chain.Add(files, [&] {
      fs::remove(folder_ + "/run");
      ++entered_;
      return how;
    });
  }

  static std::vector<std::string> NamesOf(const StoreImage& image) {
    std::vector<std::string> names;
    for (const ImageFile& file : image.files()) names.push_back(file.name);
    return names;
  }
  static std::string Content(StoreImage& image, const std::string& name) {
    std::string bytes;
    const Status read = image.Read(name, [&](std::string_view piece) {
      bytes += piece;
      return Status();
    });
    return read.ok() ? bytes : read.ToString();
  }

  std::string folder_;
  uint64_t additions_ = 0;
  int entered_ = 0;
};

TEST_F(ImageChainTest, AnImageIsTheBaseAndWhatWasAddedUntilThen) {
  const auto chain = Begin("0");
  ASSERT_TRUE(Add(*chain, 1, "first").ok());
  const auto early = chain->Image();
  ASSERT_TRUE(Add(*chain, 0, "second").ok());
  const auto late = chain->Image();

  EXPECT_EQ(NamesOf(*early),
            (std::vector<std::string>{"000007.sst", "CURRENT", "added-0000000001-1.sst"}));
  EXPECT_EQ(NamesOf(*late).back(), "added-0000000002-0.sst");
  EXPECT_EQ(late->files().size(), 4u);
  EXPECT_EQ(Content(*late, "000007.sst"), "base");
  EXPECT_EQ(Content(*late, "added-0000000001-1.sst"), "first");
  EXPECT_EQ(Content(*late, "added-0000000002-0.sst"), "second");
  for (const ImageFile& file : late->files()) {
    EXPECT_EQ(file.lasting, file.name != "CURRENT");
    EXPECT_EQ(file.bytes, Content(*late, file.name).size());
  }
}

TEST_F(ImageChainTest, WhatDidNotEnterTheStoreIsNotAdded) {
  const auto chain = Begin("0");
  const Status full(StatusCode::kResourceExhausted, "no room");
  EXPECT_EQ(Add(*chain, 1, "lost", full).code(), full.code());
  EXPECT_FALSE(chain->closed());
  EXPECT_EQ(chain->Image()->files().size(), 2u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/0"), fs::directory_iterator()), 2);
}

TEST_F(ImageChainTest, AFileThatCannotBeLinkedEntersTheStoreAndClosesTheChain) {
  const auto chain = Begin("0");
  const auto before = chain->Image();
  EXPECT_TRUE(AddRun(*chain, 1).ok());
  EXPECT_EQ(entered_, 1);
  EXPECT_TRUE(chain->closed());
  EXPECT_TRUE(Add(*chain, 1, "later").ok());
  EXPECT_EQ(entered_, 2);
  EXPECT_EQ(Content(*before, "000007.sst"), "base");
}

TEST_F(ImageChainTest, ItIsClosedOnceWhatWasAddedWeighsAsMuchAsItsBase) {
  Write("heavy/000008.sst", "");
  fs::resize_file(folder_ + "/heavy/000008.sst", 3 * ImageChain::kAddedBytesMin);
  const auto heavy = Begin("heavy");
  const auto light = Begin("light");
  for (ImageChain* chain : {heavy.get(), light.get()}) {
    int added = 0;
    for (; !chain->closed() && added < 10; ++added) {
      Write("run", "");
      fs::resize_file(folder_ + "/run", ImageChain::kAddedBytesMin);
      ASSERT_TRUE(AddRun(*chain, 1).ok());
    }
    EXPECT_EQ(added, chain == heavy.get() ? 4 : 2);
  }
}

TEST_F(ImageChainTest, FilesGoWithTheFirstImageOfTheChainAfterThem) {
  auto first = Begin("0");
  auto image = first->Image();
  ASSERT_TRUE(Add(*first, 1, "one").ok());
  auto second = Begin("1", first.get());
  first.reset();
  image.reset();
  EXPECT_TRUE(fs::exists(folder_ + "/0"));
  image = second->Image();
  EXPECT_TRUE(fs::exists(folder_ + "/0"));
  // Its name is another than any before.
  ASSERT_TRUE(Add(*second, 1, "two").ok());
  EXPECT_EQ(NamesOf(*second->Image()).back(), "added-0000000002-1.sst");
  image.reset();
  EXPECT_FALSE(fs::exists(folder_ + "/0"));
  EXPECT_TRUE(fs::exists(folder_ + "/1"));
  image = second->Image();
  second.reset();
  EXPECT_EQ(Content(*image, "added-0000000002-1.sst"), "two");
  image.reset();
  EXPECT_FALSE(fs::exists(folder_ + "/1"));
}

// A checkpoint that knows the one file would take it for the other.
TEST_F(ImageChainTest, NoNameIsGivenAgainAfterAChainWasGivenUp) {
  auto given_up = Begin("0");
  ASSERT_TRUE(Add(*given_up, 1, "one").ok());
  const std::string before = NamesOf(*given_up->Image()).back();
  given_up.reset();
  const auto next = Begin("1");
  ASSERT_TRUE(Add(*next, 1, "two").ok());
  EXPECT_NE(NamesOf(*next->Image()).back(), before);
}

TEST_F(ImageChainTest, ItIsClosedOnceItIsManyFiles) {
  const auto chain = Begin("0");
  size_t added = 0;
  for (; !chain->closed() && added < 2 * ImageChain::kAddedFilesMax; ++added) {
    ASSERT_TRUE(Add(*chain, 1, "").ok());
  }
  EXPECT_EQ(added, ImageChain::kAddedFilesMax + 1);
}

TEST_F(ImageChainTest, PlacesAreInTheNamesOfWhatWasAdded) {
  EXPECT_EQ(ImageChain::PlaceOf("added-0000000012-3.sst"),
            (ImageChain::Place{.addition = 12, .family = 3}));
  for (const char* other :
       {"000012.sst", "added-.sst", "added-12.sst", "added-12-.sst", "added-12-3",
        "added-12-3.sst.tmp", "added-99999999999999999999999-3.sst", "CURRENT", "added--1-3.sst"}) {
    EXPECT_EQ(ImageChain::PlaceOf(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace skybridge::env
