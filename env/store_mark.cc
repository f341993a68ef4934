// SPDX-License-Identifier: Apache-2.0
#include "env/store_mark.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "env/files.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

constexpr char kMarkName[] = "SKYBRIDGE_ROWS";

// Its last line while the store may not be there yet.
constexpr std::string_view kToBeMade = "to be made\n";

std::string MarkText(const std::string& owner, const StoreMark::Store& store) {
  return fmt::format("Rows of a Skybridge shard.\nowner {}\nstore {:016x}\n{}", owner, store.id,
                     store.made ? "" : kToBeMade);
}

// Nothing if it is no mark of `owner`.
std::optional<StoreMark::Store> ParseMark(std::string_view text, const std::string& owner) {
  StoreMark::Store store{.made = !text.ends_with(kToBeMade)};
  const std::string_view upto_id =
      text.substr(0, text.size() - (store.made ? 0 : kToBeMade.size()));
  const std::string_view id = upto_id.substr(upto_id.size() - std::min<size_t>(upto_id.size(), 17));
  const auto parsed = std::from_chars(id.data(), id.data() + id.size(), store.id, 16);
  if (parsed.ec != std::errc() || text != MarkText(owner, store)) return std::nullopt;
  return store;
}

}  // namespace

StoreMark::StoreMark(const std::string& folder)
    : folder_(folder), path_(folder + "/" + kMarkName) {}

Result<bool> StoreMark::Exists() const { return env::Exists(path_); }

Result<StoreMark::Store> StoreMark::Take(const std::string& owner, uint64_t new_store_id) const {
  SKY_RETURN_IF_ERROR(MakeFolders(folder_));
  SKY_ASSIGN_OR_RETURN(const bool there, Exists());
  if (!there) {
    SKY_RETURN_IF_ERROR(CheckFree());
    const Store store{.id = new_store_id, .made = false};
    SKY_RETURN_IF_ERROR(WriteFileDurably(path_, MarkText(owner, store)));
    return store;
  }
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path_));
  if (const std::optional<Store> store = ParseMark(text, owner)) return *store;
  return Status(StatusCode::kFailedPrecondition,
                "use " + folder_ + " for the rows of " + owner + ": " + path_ +
                    " says it is another's; name another folder, or delete this one:\n" + text);
}

Status StoreMark::Write(const std::string& owner, uint64_t store_id) const {
  return WriteFileDurably(path_, MarkText(owner, {.id = store_id, .made = true}));
}

// A mark that a former life did not finish is in nobody's way.
Status StoreMark::CheckFree() const {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    if (NameWrittenAs(it->path().filename().string()) != kMarkName) {
      return {StatusCode::kFailedPrecondition,
              "use " + folder_ + " for a shard's rows: it holds other files; name an empty one"};
    }
    unfinished.push_back(it->path());
  }
  for (const fs::path& mark : unfinished) fs::remove(mark, error);
  return SystemStatus(error, "look into " + folder_);
}

}  // namespace skybridge::env
