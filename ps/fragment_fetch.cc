// SPDX-License-Identifier: Apache-2.0
#include "ps/fragment_fetch.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace skybridge::ps {
namespace {

ObjectInfo InfoOf(const checkpoint::Object& object) {
  return {.key = object.key(), .bytes = object.bytes(), .crc32c = object.crc32c()};
}

// A name leads nowhere but into the folder of the store.
bool IsPlain(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

std::string Name(uint32_t shard) { return "shard " + std::to_string(shard); }

Result<std::vector<StoreFile>> FilesOf(const checkpoint::Fragment& fragment, ObjectStore& objects) {
  std::vector<StoreFile> files;
  for (const checkpoint::File& file : fragment.file()) {
    if (!IsPlain(file.name())) {
      return Status(StatusCode::kDataLoss, "a file is named \"" + file.name() + "\"");
    }
    const auto read = [&objects, info = InfoOf(file.object()),
                       name = file.name()](const ByteSink& sink) {
      return objects.Read(info, sink).WithContext("file " + name + ", object " + info.key);
    };
    files.push_back({.name = file.name(), .bytes = file.object().bytes(), .read = read});
  }
  return files;
}

}  // namespace

Result<std::unique_ptr<FragmentSource>> OpenFragment(const checkpoint::Fragment& fragment,
                                                     ShardOptions options, ObjectStore& objects,
                                                     const StoreMaker& make) {
  const std::string what = Name(fragment.shard());
  const auto files = FilesOf(fragment, objects);
  if (!files) return files.error().WithContext(what);
  auto store = make(*files);
  if (!store) return store.error().WithContext(what);
  const auto read_tail = [&objects, info = InfoOf(fragment.tail())](const ByteSink& sink) {
    return objects.Read(info, sink).WithContext("tail of the log, object " + info.key);
  };
  auto tail = std::make_unique<TailLog>(TailRange{.first = fragment.redo(), .last = fragment.cut()},
                                        read_tail);
  auto source =
      FragmentSource::Open(fragment, std::move(options), *std::move(store), std::move(tail));
  if (!source) return source.error().WithContext(what);
  return source;
}

std::vector<RestoreSource> SourcesOf(std::span<const checkpoint::Fragment> fragments,
                                     const ShardOptions& options, ObjectStore& objects,
                                     const StoreMaker& make) {
  std::vector<RestoreSource> sources;
  for (const checkpoint::Fragment& fragment : fragments) {
    sources.push_back({.name = "fragment " + std::to_string(fragment.shard()),
                       .slots = {fragment.slot_begin(), fragment.slot_end()},
                       .open = [&fragment, options, &objects, make] {
                         return OpenFragment(fragment, options, objects, make);
                       }});
  }
  return sources;
}

}  // namespace skybridge::ps
