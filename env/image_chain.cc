// SPDX-License-Identifier: Apache-2.0
#include "env/image_chain.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "env/files.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAddedPrefix = "added-";
constexpr std::string_view kSuffix = ".sst";

// Takes a number off the front.
template <typename Number>
std::optional<Number> Take(std::string_view* text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return number;
}

}  // namespace

class ImageChain::Folder {
 public:
  explicit Folder(std::string folder) : path(std::move(folder)) {}
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
    // The next start deletes it.
    if (error) LOG(WARNING) << "delete " << path << ": " << error.message();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string path;
};

class ImageChain::ChainImage : public StoreImage {
 public:
  ChainImage(std::shared_ptr<Folder> folder, std::shared_ptr<Folder> former,
             std::vector<ImageFile> files)
      : folder_(std::move(folder)), former_(std::move(former)), files_(std::move(files)) {}

  const std::vector<ImageFile>& files() const override { return files_; }
  Status Read(const std::string& name,
              const std::function<Status(std::string_view)>& sink) override {
    return ReadPieces(folder_->path + "/" + name, sink);
  }

 private:
  const std::shared_ptr<Folder> folder_;
  const std::shared_ptr<Folder> former_;  // Goes with this, on whatever thread that is.
  const std::vector<ImageFile> files_;
};

Result<std::unique_ptr<ImageChain>> ImageChain::Begin(std::string folder, uint64_t& additions,
                                                      const ImageChain* former) {
  // Deletes what an error leaves behind.
  std::unique_ptr<ImageChain> chain(
      new ImageChain(std::make_shared<Folder>(std::move(folder)), additions));
  const std::string& path = chain->folder_->path;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const uint64_t bytes = it->file_size(error);
    if (error) break;
    chain->files_.push_back({.name = it->path().filename().string(),
                             .bytes = bytes,
                             .lasting = it->path().extension() == kSuffix});
    chain->base_bytes_ += bytes;
  }
  SKY_RETURN_IF_ERROR(SystemStatus(error, "list " + path));
  std::ranges::sort(chain->files_, {}, &ImageFile::name);
  if (former != nullptr) chain->former_ = former->folder_;
  return chain;
}

Status ImageChain::Link(std::span<const AddedFile> files, std::vector<ImageFile>* linked) {
  std::error_code error;
  for (const AddedFile& file : files) {
    const std::string name =
        fmt::format("{}{:010}-{}{}", kAddedPrefix, additions_, file.family, kSuffix);
    const std::string path = folder_->path + "/" + name;
    const std::string attempt = "link " + file.path + " as " + path;
    fs::create_hard_link(file.path, path, error);
    SKY_RETURN_IF_ERROR(SystemStatus(error, attempt));
    linked->push_back({.name = name, .bytes = fs::file_size(path, error), .lasting = true});
    SKY_RETURN_IF_ERROR(SystemStatus(error, attempt));
  }
  return Status();
}

Status ImageChain::Add(std::span<const AddedFile> files, const std::function<Status()>& enter) {
  if (closed_) return enter();
  ++additions_;
  std::vector<ImageFile> linked;
  if (const Status status = Link(files, &linked); !status.ok()) {
    LOG(WARNING) << status << "; the next checkpoint sends all rows again";
    closed_ = true;
  }
  if (Status entered = enter(); !entered.ok()) {
    std::error_code error;
    for (const ImageFile& file : linked) fs::remove(folder_->path + "/" + file.name, error);
    return entered;
  }
  for (const ImageFile& file : linked) added_bytes_ += file.bytes;
  added_files_ += linked.size();
  std::ranges::move(linked, std::back_inserter(files_));
  closed_ = closed_ || added_bytes_ > std::max(base_bytes_, kAddedBytesMin) ||
            added_files_ > kAddedFilesMax;
  return Status();
}

std::unique_ptr<StoreImage> ImageChain::Image() {
  CHECK(!closed_);
  return std::make_unique<ChainImage>(folder_, std::exchange(former_, nullptr), files_);
}

std::optional<ImageChain::Place> ImageChain::PlaceOf(std::string_view name) {
  if (!name.starts_with(kAddedPrefix)) return std::nullopt;
  name.remove_prefix(kAddedPrefix.size());
  const auto addition = Take<uint64_t>(&name);
  if (!addition || !name.starts_with("-")) return std::nullopt;
  name.remove_prefix(1);
  const auto family = Take<size_t>(&name);
  if (!family || name != kSuffix) return std::nullopt;
  return Place{.addition = *addition, .family = *family};
}

}  // namespace skybridge::env
