// SPDX-License-Identifier: Apache-2.0
#include "worker/commit_export.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "worker/part_files.h"

namespace skybridge::worker {
namespace {

constexpr char kManifest[] = "MANIFEST.json";

// What an attempt's file is told apart by until it is whole.
std::string WriterOf(uint32_t attempt) { return fmt::format("-a{}", attempt); }

exports::Manifest MakeManifest(const wire::ExportSpec& spec, const ExportIdentity& identity) {
  exports::Manifest manifest;
  manifest.set_format(1);
  manifest.set_job(identity.job);
  manifest.set_step(spec.step());
  manifest.set_dim(identity.dim);
  manifest.set_similarity(identity.similarity);
  manifest.set_binary_version(identity.version);
  manifest.set_index_recall(spec.index_recall());
  manifest.set_documents(spec.candidates_total());
  for (const wire::PartFile& part : spec.part()) {
    exports::File& file = *manifest.add_file();
    file.set_name(part.name());
    file.set_kind(part.kind());
    file.set_bytes(part.bytes());
    file.set_xxh64(fmt::format("{:016x}", part.xxh64()));
    file.set_rows(part.rows());
    file.set_table(part.table());
    file.set_partition(part.partition());
    if (part.kind() == "vectors") manifest.set_candidates(manifest.candidates() + part.rows());
  }
  return manifest;
}

// Whether there is an attempt in it, as ".a1.". The folder may be one in which somebody has other
// files too.
bool IsOfAnAttempt(const std::string& name) {
  for (size_t at = name.find(".a"); at != std::string::npos; at = name.find(".a", at + 1)) {
    const size_t end = name.find_first_not_of("0123456789", at + 2);
    if (end != std::string::npos && end > at + 2 && name[end] == '.') return true;
  }
  return false;
}

}  // namespace

void ManifestTask::Run() {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(manifest_, &json, options).ok()) {
    status = Status(StatusCode::kInternal, "write the manifest as JSON");
    return;
  }
  // Two attempts may be at it at once.
  status = WriteWholeFile(folder_, kManifest, json, WriterOf(attempt_));
  if (status.ok()) DeleteUnnamedParts();
}

// E6: of attempts that others were ahead of, and temporary files of those that were killed. From
// here on nobody needs them; one that stays, or that a late attempt still writes, only takes room.
void ManifestTask::DeleteUnnamedParts() const {
  std::set<std::string> named;
  for (const exports::File& file : manifest_.file()) named.insert(file.name());
  for (const std::string kind : {"parts/", "tables/", "index/"}) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/" + kind, ignored)) {
      const std::string name = kind + entry.path().filename().string();
      if (!IsOfAnAttempt(name) || named.contains(name)) continue;
      std::filesystem::remove(entry.path(), ignored);
    }
  }
  // Not of later ones, which are ahead of this one and may be at it.
  for (auto attempt = attempt_; attempt > 0;) {
    std::error_code ignored;
    const std::string path = fmt::format("{}/{}.tmp{}", folder_, kManifest, WriterOf(--attempt));
    std::filesystem::remove(path, ignored);
  }
}

void CommitExport::Begin(Instant, Effects* out) {
  out->start.push_back(std::make_unique<ManifestTask>(owner_, attempt_, spec_.folder(),
                                                      MakeManifest(spec_, identity_)));
}

void CommitExport::OnTask(WorkTask& task, Instant, Effects*) {
  const auto& written = dynamic_cast<ManifestTask&>(task);
  if (!written.status.ok()) return Fail(written.status);
  Complete({});
}

}  // namespace skybridge::worker
