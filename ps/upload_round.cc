// SPDX-License-Identifier: Apache-2.0
#include "ps/upload_round.h"

#include <algorithm>
#include <string_view>

namespace skybridge::ps {
namespace {

// "000012.sst" is stored as "000012-BYTES-CRC.sst".
std::pair<std::string, std::string> SplitSuffix(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot)};
}

}  // namespace

void Encode(const ObjectInfo& info, checkpoint::Object* object) {
  object->set_key(info.key);
  object->set_bytes(info.bytes);
  object->set_crc32c(info.crc32c);
}

// ---------------------------------------------------------------- files

void FileUpload::Run() { status = SendSome(); }

Status FileUpload::SendSome() {
  while (next_file < image->files().size() && new_bytes < step_bytes) {
    const env::ImageFile& file = image->files()[next_file];
    const auto before = known.find(file.name);
    if (file.lasting && before != known.end() && StillThere(file, before->second)) {
      sent[file.name] = before->second;
    } else {
      SKY_RETURN_IF_ERROR(Send(file));
    }
    ++next_file;
  }
  return Status();
}

bool FileUpload::StillThere(const env::ImageFile& file, const SentObject& object) {
  const Result<uint64_t> bytes = objects_.Bytes(object.info.key);
  if (!bytes || *bytes != file.bytes || *bytes != object.info.bytes) return false;
  if (object.committed) return true;
  const Result<double> age = objects_.Age(object.info.key);
  return age && *age < kUnnamedSecondsMax;
}

Status FileUpload::Send(const env::ImageFile& file) {
  const std::string attempt = "send " + file.name;
  auto writer = objects_.Create();
  if (!writer) return writer.error().WithContext(attempt);
  const Status read =
      image->Read(file.name, [&](std::string_view piece) { return (*writer)->Append(piece); });
  if (!read.ok()) return read.WithContext(attempt);
  const auto [stem, suffix] = SplitSuffix(file.name);
  const auto info = (*writer)->Finish(folder + "/" + stem, suffix);
  if (!info) return info.error().WithContext(attempt);
  if (info->bytes != file.bytes) {
    return Status(StatusCode::kDataLoss, attempt + ": it had " + std::to_string(file.bytes) +
                                             " bytes and now has " + std::to_string(info->bytes));
  }
  sent[file.name] = {.info = *info};
  new_bytes += info->bytes;
  return Status();
}

// ---------------------------------------------------------------- cut

void CutUpload::Run() {
  status = Send();
  tail.reset();
}

Status CutUpload::Send() {
  const TailRange range{.first = fragment.redo(), .last = fragment.cut()};
  const auto send = [&](const std::string& name, const std::string& suffix,
                        const std::function<Status(const ByteSink&)>& write) -> Result<ObjectInfo> {
    auto writer = objects_.Create();
    if (!writer) return writer.error().WithContext("send " + name);
    const Status written = write([&](std::string_view piece) { return (*writer)->Append(piece); });
    if (!written.ok()) return written.WithContext("send " + name);
    auto info = (*writer)->Finish(folder + "/" + name, suffix);
    if (!info) return info.error().WithContext("send " + name);
    new_bytes += info->bytes;
    return info;
  };
  const std::string name = "tail-" + std::to_string(range.first) + "-" + std::to_string(range.last);
  const auto tail_object =
      send(name, ".log", [&](const ByteSink& sink) { return WriteTail(*tail, range, sink); });
  SKY_RETURN_IF_ERROR(tail_object.status());
  Encode(*tail_object, fragment.mutable_tail());
  const auto fragment_object =
      send("fragment-" + std::to_string(range.last), ".pb",
           [&](const ByteSink& sink) { return sink(fragment.SerializeAsString()); });
  SKY_RETURN_IF_ERROR(fragment_object.status());
  object = *fragment_object;
  return Status();
}

}  // namespace skybridge::ps
