// SPDX-License-Identifier: Apache-2.0
#include "launch/job_override.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include "launch/job_parser.h"
#include "launch/job_resolve.h"
#include "launch/nearest_name.h"

namespace skybridge::launch {
namespace {

namespace pb = google::protobuf;

template <typename... Args>
Status Invalid(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
}

// `name` or `name[selector]`.
struct PathPart {
  std::string name;
  std::string selector;
  bool selects = false;
};

// Cuts at dots outside brackets, and ends at the first '=' outside brackets.
Result<std::pair<std::vector<PathPart>, std::string>> Split(std::string_view assignment) {
  std::vector<PathPart> parts(1);
  bool inside = false;
  for (size_t i = 0; i < assignment.size(); ++i) {
    const char c = assignment[i];
    if (inside) {
      if (c == ']') {
        inside = false;
      } else {
        parts.back().selector += c;
      }
    } else if (parts.back().selects && c != '.' && c != '=') {
      return Invalid("{}[{}]: write a dot behind it, as table[0].dim", parts.back().name,
                     parts.back().selector);
    } else if (c == '[') {
      inside = parts.back().selects = true;
    } else if (c == '.') {
      parts.emplace_back();
    } else if (c == '=') {
      return std::pair(std::move(parts), std::string(assignment.substr(i + 1)));
    } else {
      parts.back().name += c;
    }
  }
  return Invalid("write path=value, as training.epochs=3");
}

std::string AsText(const pb::Message& message, const pb::FieldDescriptor& field) {
  std::string text;
  pb::TextFormat::PrintFieldValueToString(message, &field, -1, &text);
  if (field.cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING)
    text = text.substr(1, text.size() - 2);
  return text;
}

// The element whose `key` is `value`.
Result<pb::Message*> SelectByField(const pb::FieldDescriptor& list, std::string_view selector,
                                   pb::Message* owner) {
  const size_t equals = selector.find('=');
  const std::string key(selector.substr(0, equals));
  const std::string value(selector.substr(equals + 1));
  const pb::Descriptor& type = *list.message_type();
  const pb::FieldDescriptor* field = type.FindFieldByName(key);
  if (field == nullptr || field->is_repeated() || field->message_type() != nullptr) {
    return Invalid("{} has no field {} to choose by{}", type.name(), key,
                   Suggestion(key, FieldNames(type)));
  }
  const pb::Reflection& reflection = *owner->GetReflection();
  std::vector<std::string> values;
  for (int i = 0; i < reflection.FieldSize(*owner, &list); ++i) {
    pb::Message* element = reflection.MutableRepeatedMessage(owner, &list, i);
    values.push_back(AsText(*element, *field));
    if (values.back() == value) return element;
  }
  return Invalid("no {} has {} {}{}", list.name(), key, value, Suggestion(value, values));
}

Result<pb::Message*> SelectByPosition(const pb::FieldDescriptor& list, std::string_view selector,
                                      pb::Message* owner) {
  const pb::Reflection& reflection = *owner->GetReflection();
  const int size = reflection.FieldSize(*owner, &list);
  int position = 0;
  const auto [end, error] =
      std::from_chars(selector.data(), selector.data() + selector.size(), position);
  if (error != std::errc() || end != selector.data() + selector.size() || position < 0) {
    return Invalid("{}[{}]: write a position, as {}[0], or a field, as {}[name=x]", list.name(),
                   selector, list.name(), list.name());
  }
  if (position > size) return Invalid("{}[{}]: there are only {}", list.name(), selector, size);
  if (position == size) return reflection.AddMessage(owner, &list);
  return reflection.MutableRepeatedMessage(owner, &list, position);
}

Result<const pb::FieldDescriptor*> FindField(const PathPart& part, const pb::Message& owner) {
  const pb::Descriptor& type = *owner.GetDescriptor();
  const pb::FieldDescriptor* field = type.FindFieldByName(part.name);
  if (field == nullptr) {
    return Invalid("{} has no field {}{}", type.name(), part.name,
                   Suggestion(part.name, FieldNames(type)));
  }
  return field;
}

// The message that `part` of a path leads to.
Result<pb::Message*> Descend(const PathPart& part, pb::Message* owner) {
  SKY_ASSIGN_OR_RETURN(const pb::FieldDescriptor* field, FindField(part, *owner));
  if (field->message_type() == nullptr) return Invalid("{} has no fields", part.name);
  if (!field->is_repeated()) {
    if (part.selects) return Invalid("{} is no list", part.name);
    return owner->GetReflection()->MutableMessage(owner, field);
  }
  if (!part.selects) return Invalid("{} is a list: write {}[0]", part.name, part.name);
  if (part.selector.find('=') != std::string::npos) {
    return SelectByField(*field, part.selector, owner);
  }
  return SelectByPosition(*field, part.selector, owner);
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

Status Assign(const PathPart& part, const std::string& value, pb::Message* owner) {
  SKY_ASSIGN_OR_RETURN(const pb::FieldDescriptor* field, FindField(part, *owner));
  if (part.selects) {
    if (field->message_type() == nullptr) return Invalid("set the whole list {}", part.name);
    SKY_ASSIGN_OR_RETURN(pb::Message * element, Descend(part, owner));
    element->Clear();
    pb::TextFormat::Parser parser;
    if (value.size() < 2 || value.front() != '{' || value.back() != '}' ||
        !parser.ParseFromString(value.substr(1, value.size() - 2), element)) {
      return Invalid("{}[{}]: {} is no {}", part.name, part.selector, value,
                     field->message_type()->name());
    }
    return {};
  }
  if (value.empty()) {
    owner->GetReflection()->ClearField(owner, field);
    return {};
  }
  std::string text = value;
  const bool quoted = value.front() == '"' || value.front() == '[';
  if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING && !quoted) text = Quoted(value);
  if (field->is_repeated() && value.front() != '[') text = fmt::format("[{}]", text);
  return ParseField(*field, text, owner).WithContext(part.name);
}

// A table that a feature only names has its defaults, which can be overridden like others.
void ListImpliedTable(const PathPart& part, job::Job* job) {
  constexpr std::string_view kByName = "name=";
  if (part.name != "table" || !part.selector.starts_with(kByName)) return;
  const std::string name = part.selector.substr(kByName.size());
  const auto named = [&name](const job::Table& table) { return table.name() == name; };
  if (std::ranges::any_of(job->table(), named)) return;
  const job::Job resolved = ResolveJob(*job);
  if (std::ranges::any_of(resolved.table(), named)) job->add_table()->set_name(name);
}

}  // namespace

Status ApplyOverride(std::string_view assignment, job::Job* job) {
  const auto context = [&assignment](const Status& status) {
    return status.WithContext(fmt::format("--set {}", assignment));
  };
  auto split = Split(assignment);
  if (!split) return context(split.error());
  const auto& [parts, value] = *split;
  if (parts.size() > 1) ListImpliedTable(parts.front(), job);
  pb::Message* message = job;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    Result<pb::Message*> next = Descend(parts[i], message);
    if (!next) return context(next.error());
    message = *next;
  }
  if (Status status = Assign(parts.back(), value, message); !status.ok()) return context(status);
  return {};
}

}  // namespace skybridge::launch
