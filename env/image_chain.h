// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "env/row_store.h"

namespace skybridge::env {

// A file that is added to a store.
struct AddedFile {
  size_t family = 0;  // Whose rows: the store's own numbering.
  std::string path;
};

// Images of one store that share files: those of the store when the chain began, its base, and
// every file that was added since, in order. What the store itself does to its files, merging them
// above all, is not seen: an image needs, beyond those of the one before, what was added between.
//
// Files are linked, not copied, into one folder, which goes with the last that uses it. It holds
// files that the store has merged long ago; so a chain is closed once what was added weighs as much
// as its base, or is many files. One thread.
class ImageChain {
 public:
  // A base this small is not worth an end.
  static constexpr uint64_t kAddedBytesMin = 64 << 20;
  // Each image names them all, and a store made of one takes them one by one.
  static constexpr size_t kAddedFilesMax = 1000;

  // What lies in `folder`, of this chain alone, is the base. `additions` numbers what is added to
  // the store by all its chains, so that no name stands for two files; it outlives the chain.
  // `former` stays until the first image of this chain is gone: deleting its files takes time.
  // Null: there is none.
  static Result<std::unique_ptr<ImageChain>> Begin(std::string folder, uint64_t& additions,
                                                   const ImageChain* former);

  // These files, of different families, become part of the store when they `enter` it, which may
  // take them away from where they are. Returns its error; then, as whenever a link fails, which
  // closes the chain, nothing was added.
  Status Add(std::span<const AddedFile> files, const std::function<Status()>& enter);
  // It does not hold what was added since.
  bool closed() const { return closed_; }

  // The store as it is now; the chain is not closed.
  std::unique_ptr<StoreImage> Image();

  // Of a file of an image: where it was added, and to which family; none if it is of the base.
  struct Place {
    uint64_t addition = 0;
    size_t family = 0;
    auto operator<=>(const Place&) const = default;
  };
  static std::optional<Place> PlaceOf(std::string_view name);

 private:
  class Folder;
  class ChainImage;
  ImageChain(std::shared_ptr<Folder> folder, uint64_t& additions)
      : folder_(std::move(folder)), additions_(additions) {}
  Status Link(std::span<const AddedFile> files, std::vector<ImageFile>* linked);

  const std::shared_ptr<Folder> folder_;
  std::shared_ptr<Folder> former_;  // Until an image has it.
  std::vector<ImageFile> files_;
  uint64_t base_bytes_ = 0;
  uint64_t added_bytes_ = 0;
  size_t added_files_ = 0;
  uint64_t& additions_;
  bool closed_ = false;
};

}  // namespace skybridge::env
