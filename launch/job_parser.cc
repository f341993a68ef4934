// SPDX-License-Identifier: Apache-2.0
#include "launch/job_parser.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <nlohmann/json.hpp>

#include "launch/nearest_name.h"

namespace skybridge::launch {
namespace {

namespace pb = google::protobuf;

std::string ShortName(const std::string& full_name) {
  return full_name.substr(full_name.rfind('.') + 1);
}

// All message types that a job is made of.
using Types = std::set<const pb::Descriptor*>;

void CollectTypes(const pb::Descriptor& type, Types* types) {
  if (!types->insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    if (const pb::Descriptor* inner = type.field(i)->message_type()) CollectTypes(*inner, types);
  }
}

const std::set<const pb::Descriptor*>& JobTypes() {
  static const auto* types = [] {
    auto* all = new std::set<const pb::Descriptor*>;
    CollectTypes(*job::Job::descriptor(), all);
    return all;
  }();
  return *types;
}

// Field names whose values are words of an enumeration; no field of another type has such a name.
std::set<std::string> EnumFields() {
  std::set<std::string> names;
  for (const pb::Descriptor* type : JobTypes()) {
    for (int i = 0; i < type->field_count(); ++i) {
      if (type->field(i)->enum_type() != nullptr) names.insert(type->field(i)->name());
    }
  }
  return names;
}

// The field in whose braces the character at `at` stands; empty if in none.
std::string EnclosingField(std::string_view source, size_t at) {
  int closed = 0;
  size_t i = std::min(at, source.size());
  while (i > 0 && (source[i - 1] != '{' || closed > 0)) {
    --i;
    if (source[i] == '}') ++closed;
    if (source[i] == '{') --closed;
  }
  if (i == 0) return "";
  const size_t last = source.find_last_not_of(" \t\r\n:[", i - 2);
  if (i < 2 || last == std::string_view::npos) return "";
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  size_t begin = last + 1;
  while (begin > 0 && is_part(static_cast<unsigned char>(source[begin - 1]))) --begin;
  return std::string(source.substr(begin, last + 1 - begin));
}

// Types of the message in which the character at `at` stands: several if fields of one name lead
// to different ones, all of `root` if that is not clear.
Types TypesAt(const pb::Descriptor& root, std::string_view source, size_t at) {
  Types all, found;
  CollectTypes(root, &all);
  const std::string outer = EnclosingField(source, at);
  if (outer.empty()) return {&root};
  for (const pb::Descriptor* type : all) {
    const pb::FieldDescriptor* field = type->FindFieldByName(outer);
    if (field != nullptr && field->message_type() != nullptr) found.insert(field->message_type());
  }
  return found.empty() ? all : found;
}

std::vector<std::string> ValuesOfEnumField(const std::string& field_name, const Types& types) {
  std::vector<std::string> values;
  for (const pb::Descriptor* type : types) {
    const pb::FieldDescriptor* field = type->FindFieldByName(field_name);
    if (field == nullptr || field->enum_type() == nullptr) continue;
    for (int i = 0; i < field->enum_type()->value_count(); ++i) {
      values.push_back(field->enum_type()->value(i)->name());
    }
  }
  return values;
}

// The parser's message in the words of a job file, with what may have been meant.
struct Complaint {
  std::string text;
  std::string word;  // The unknown one, if that is the matter.
};

// The text after `before`, up to the next quote; nothing if `text` does not begin so.
std::optional<std::string> QuotedAfter(std::string_view before, std::string_view* text) {
  if (!text->starts_with(before)) return std::nullopt;
  text->remove_prefix(before.size());
  const size_t end = text->find('"');
  if (end == std::string_view::npos) return std::nullopt;
  std::string word(text->substr(0, end));
  text->remove_prefix(end);
  return word;
}

// "-3" where the text has it at `at`; empty if no negative number stands there.
std::string NegativeAt(std::string_view source, size_t at) {
  if (at >= source.size() || source[at] != '-') return "";
  const size_t end = source.find_first_not_of("0123456789", at + 1);
  const std::string_view number = source.substr(at, end == std::string_view::npos ? end : end - at);
  return number.size() > 1 ? std::string(number) : "";
}

// A word may be as long as the file, so no regular expression looks at it: those of libstdc++
// recurse for each character.
Complaint Explain(const std::string& message, const pb::Descriptor& root, std::string_view source,
                  size_t at) {
  std::string_view rest = message;
  if (const auto type = QuotedAfter("Message type \"", &rest)) {
    if (const auto word = QuotedAfter("\" has no field named \"", &rest)) {
      std::string suggestion;
      for (const pb::Descriptor* known : JobTypes()) {
        if (known->full_name() == *type) suggestion = Suggestion(*word, FieldNames(*known));
      }
      return {fmt::format("{} has no field {}{}", ShortName(*type), *word, suggestion), *word};
    }
  }
  rest = message;
  if (const auto word = QuotedAfter("Unknown enumeration value of \"", &rest)) {
    if (const auto field = QuotedAfter("\" for field \"", &rest)) {
      return {fmt::format("{} cannot be {}{}", *field, *word,
                          Suggestion(*word, ValuesOfEnumField(*field, TypesAt(root, source, at)))),
              *word};
    }
  }
  std::string plain = message;
  while (!plain.empty() && plain.back() == '.') plain.pop_back();
  if (!plain.empty()) {
    plain[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(plain[0])));
  }
  // The parser takes the sign for a word of its own.
  if (const std::string number = NegativeAt(source, at);
      plain.ends_with("got: -") && !number.empty()) {
    plain += number.substr(1) + ", which is below 0";
  }
  return {plain, ""};
}

// Where a word that the parser complains about begins: it points behind it.
struct Place {
  int line;
  int column;
};

size_t LineBegin(const std::string& source, int line) {
  size_t begin = 0;
  for (int i = 0; i < line; ++i) begin = source.find('\n', begin) + 1;
  return begin;
}

Place BeginOf(const std::string& word, const std::string& source, Place behind) {
  size_t line_begin = LineBegin(source, behind.line);
  const size_t end = line_begin + static_cast<size_t>(behind.column);
  const size_t begin = word.empty() || end == 0 ? std::string::npos : source.rfind(word, end - 1);
  if (begin == std::string::npos) return behind;
  const size_t newline = begin == 0 ? std::string::npos : source.rfind('\n', begin - 1);
  line_begin = newline == std::string::npos ? 0 : newline + 1;
  const auto lines =
      std::count(source.begin(), source.begin() + static_cast<ptrdiff_t>(begin), '\n');
  return {static_cast<int>(lines), static_cast<int>(begin - line_begin)};
}

class Collector : public pb::io::ErrorCollector {
 public:
  // Without `file` errors come without place. `source` is a message of type `root`.
  Collector(std::string_view file, const std::string& source, const pb::Descriptor& root)
      : file_(file), source_(source), root_(root) {}

  void AddError(int line, int column, const std::string& message) override {
    if (!errors_.empty()) errors_ += "\n";
    const Complaint complaint =
        Explain(message, root_, source_, LineBegin(source_, line) + static_cast<size_t>(column));
    if (!file_.empty()) {
      const Place place = BeginOf(complaint.word, source_, {line, column});
      errors_ += fmt::format("{}:{}:{}: ", file_, place.line + 1, place.column + 1);
    }
    errors_ += complaint.text;
  }
  const std::string& errors() const { return errors_; }

 private:
  const std::string file_;
  const std::string& source_;
  const pb::Descriptor& root_;
  std::string errors_;
};

// ":3:7: " of the character at `at`.
std::string PlaceAt(const std::string& source, size_t at) {
  const auto lines = std::count(source.begin(), source.begin() + static_cast<ptrdiff_t>(at), '\n');
  const size_t newline = at == 0 ? std::string::npos : source.rfind('\n', at - 1);
  return fmt::format(":{}:{}: ", lines + 1, newline == std::string::npos ? at + 1 : at - newline);
}

// "... at line 3, column 7: what" of nlohmann's message as ":3:7: what".
std::string JsonComplaint(const std::string& message, const std::string& source) {
  int line = 0, column = 0, behind = 0;
  const size_t at = message.find("at line ");
  if (at != std::string::npos &&
      std::sscanf(message.c_str() + at, "at line %d, column %d: %n", &line, &column, &behind) ==
          2 &&
      behind > 0) {
    // One that ends a line too early is found at column 0 of the next.
    return fmt::format(":{}:{}: {}", line, std::max(column, 1),
                       message.substr(at + static_cast<size_t>(behind)));
  }
  // "... number overflow parsing '1e999'" has no place, but names the number.
  const size_t quote = message.find('\'');
  const size_t word = quote == std::string::npos
                          ? std::string::npos
                          : source.find(message.substr(quote + 1, message.rfind('\'') - quote - 1));
  return PlaceAt(source, word == std::string::npos ? 0 : word) +
         message.substr(std::min(message.find("] ") + 2, message.size()));
}

bool IsWord(std::string_view text) {
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::ranges::all_of(text, is_part);
}

// Rewrites correct JSON as text format without moving anything, so that positions in errors hold:
// keys and words of enumerations lose their quotes, the outer braces go.
std::string TextFromJson(std::string_view json) {
  static const std::set<std::string> enum_fields = EnumFields();
  std::string text(json);
  text[text.find('{')] = ' ';
  text[text.rfind('}')] = ' ';
  std::string key;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') continue;
    size_t end = i + 1;
    while (text[end] != '"') {
      if (text.compare(end, 2, "\\/") == 0) text.replace(end, 2, "\\057");  // Not in text format.
      end += text[end] == '\\' ? 2 : 1;
    }
    const size_t next = text.find_first_not_of(" \t\r\n", end + 1);
    const bool is_key = next != std::string::npos && text[next] == ':';
    if (is_key) key = text.substr(i + 1, end - i - 1);
    // What is no word keeps its quotes, and the parser refuses it there.
    const std::string_view inside = std::string_view(text).substr(i + 1, end - i - 1);
    const bool bare = is_key || enum_fields.contains(key);
    if (bare && IsWord(inside)) text[i] = text[end] = ' ';
    i = end;
  }
  return text;
}

}  // namespace

std::vector<std::string> FieldNames(const pb::Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

Result<job::Job> ParseJob(std::string_view text, std::string_view file) {
  std::string source(text);
  const size_t first = source.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) {
    return Status(StatusCode::kInvalidArgument, fmt::format("{}:1:1: the job is empty", file));
  }
  if (source[first] == '{') {
    // To nlohmann's parser the text ends there; what follows would be nobody's.
    if (const size_t zero = source.find('\0'); zero != std::string::npos) {
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("{}{}a zero byte is no text", file, PlaceAt(source, zero)));
    }
    try {
      const nlohmann::json checked = nlohmann::json::parse(source);  // Only its opinion counts.
    } catch (const nlohmann::json::exception& error) {
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("{}{}", file, JsonComplaint(error.what(), source)));
    }
    source = TextFromJson(source);
  }
  job::Job job;
  Collector collector(file, source, *job::Job::descriptor());
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  if (!parser.ParseFromString(source, &job)) {
    return Status(StatusCode::kInvalidArgument, collector.errors());
  }
  return job;
}

Status ParseField(const pb::FieldDescriptor& field, std::string_view value, pb::Message* message) {
  const std::string source = fmt::format("{}: {}", field.name(), value);
  Collector collector("", source, *message->GetDescriptor());
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  const std::unique_ptr<pb::Message> parsed(message->New());
  if (!parser.ParseFromString(source, parsed.get())) {
    return Status(StatusCode::kInvalidArgument, collector.errors());
  }
  std::vector<const pb::FieldDescriptor*> set;
  parsed->GetReflection()->ListFields(*parsed, &set);
  if (std::ranges::any_of(set, [&](const auto* other) { return other != &field; })) {
    return Status(StatusCode::kInvalidArgument, fmt::format("{} is more than one value", value));
  }
  message->GetReflection()->ClearField(message, &field);
  message->MergeFrom(*parsed);
  return {};
}

}  // namespace skybridge::launch
