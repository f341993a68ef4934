// SPDX-License-Identifier: Apache-2.0
#include "env/store_mark.h"

#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "env/files.h"

namespace skybridge::env {
namespace {

namespace fs = std::filesystem;

constexpr char kMarkName[] = "SKYBRIDGE_ROWS";

std::string MarkText(const std::string& owner, uint64_t store_id) {
  return fmt::format("Rows of a Skybridge shard.\nowner {}\nstore {:016x}\n", owner, store_id);
}

}  // namespace

StoreMark::StoreMark(const std::string& folder)
    : folder_(folder), path_(folder + "/" + kMarkName) {}

bool StoreMark::exists() const {
  std::error_code ignored;
  return fs::exists(path_, ignored);
}

Result<uint64_t> StoreMark::Take(const std::string& owner, uint64_t new_store_id) const {
  SKY_RETURN_IF_ERROR(MakeFolders(folder_));
  if (!exists()) {
    SKY_RETURN_IF_ERROR(CheckFree());
    SKY_RETURN_IF_ERROR(Write(owner, new_store_id));
    return new_store_id;
  }
  SKY_ASSIGN_OR_RETURN(const std::string text, ReadFile(path_));
  const size_t id_at = text.size() < 17 ? 0 : text.size() - 17;
  uint64_t store_id = 0;
  const auto parsed = std::from_chars(text.data() + id_at, text.data() + text.size(), store_id, 16);
  if (parsed.ec != std::errc() || text != MarkText(owner, store_id)) {
    return Status(StatusCode::kFailedPrecondition,
                  "use " + folder_ + " for the rows of " + owner + ": " + path_ +
                      " says it is another's; name another folder, or delete this one:\n" + text);
  }
  return store_id;
}

Status StoreMark::Write(const std::string& owner, uint64_t store_id) const {
  return WriteFileDurably(path_, MarkText(owner, store_id));
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
