// SPDX-License-Identifier: Apache-2.0
//
// Writes docs/job_file.md: every message, field and value of proto/job.proto with its comment.
//   job_file_doc DESCRIPTOR_SET > docs/job_file.md
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

namespace skybridge::tools {
namespace {

namespace pb = google::protobuf;

constexpr const char* kIntroduction =
    "# The job file\n\n"
    "One job in Protobuf text format (`job.pbtxt`) or JSON (`job.json`). Unknown fields are errors "
    "that name the line and\nthe nearest field. `--set a.b=value` overrides single fields. "
    "`skybridge check` prints the job with every default filled\nin. Examples: `examples/`.\n";

// The comment before a message, field or value, as one line.
template <typename Described>
std::string Comment(const Described& described) {
  pb::SourceLocation location;
  if (!described.GetSourceLocation(&location)) return "";
  std::istringstream lines(location.leading_comments);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    text += (text.empty() ? "" : " ") + line.substr(first);
  }
  return text;
}

std::string Anchor(const std::string& name) {
  std::string anchor;
  for (const char c : name) anchor += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return "[" + name + "](#" + anchor + ")";
}

std::string TypeOf(const pb::FieldDescriptor& field) {
  std::string type;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_MESSAGE: type = Anchor(field.message_type()->name()); break;
    case pb::FieldDescriptor::CPPTYPE_ENUM: type = Anchor(field.enum_type()->name()); break;
    case pb::FieldDescriptor::CPPTYPE_BOOL: type = "true or false"; break;
    case pb::FieldDescriptor::CPPTYPE_STRING: type = "text"; break;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
    case pb::FieldDescriptor::CPPTYPE_FLOAT: type = "number"; break;
    default: type = "whole number"; break;
  }
  return field.is_repeated() ? "any number of: " + type : type;
}

std::string DefaultOf(const pb::FieldDescriptor& field) {
  if (!field.has_default_value()) return "";
  std::ostringstream text;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_ENUM: text << field.default_value_enum()->name(); break;
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      text << (field.default_value_bool() ? "true" : "false");
      break;
    case pb::FieldDescriptor::CPPTYPE_STRING: text << field.default_value_string(); break;
    case pb::FieldDescriptor::CPPTYPE_DOUBLE: text << field.default_value_double(); break;
    case pb::FieldDescriptor::CPPTYPE_INT32: text << field.default_value_int32(); break;
    case pb::FieldDescriptor::CPPTYPE_UINT32: text << field.default_value_uint32(); break;
    case pb::FieldDescriptor::CPPTYPE_UINT64: text << field.default_value_uint64(); break;
    default: break;
  }
  return "`" + text.str() + "`";
}

// Prints all; remembers what has no comment.
class Printer {
 public:
  explicit Printer(std::ostream& out) : out_(out) {}

  void Print(const pb::FileDescriptor& file) {
    out_ << kIntroduction;
    for (int i = 0; i < file.message_type_count(); ++i) PrintMessage(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) PrintEnum(*file.enum_type(i));
  }
  const std::vector<std::string>& uncommented() const { return uncommented_; }

 private:
  void PrintMessage(const pb::Descriptor& message) {
    out_ << "\n## " << message.name() << "\n\n" << Need(message) << "\n\n";
    out_ << "| Field | Value | Default | Meaning |\n|---|---|---|---|\n";
    for (int i = 0; i < message.field_count(); ++i) {
      const pb::FieldDescriptor& field = *message.field(i);
      out_ << "| `" << field.name() << "` | " << TypeOf(field) << " | " << DefaultOf(field) << " | "
           << Need(field) << " |\n";
    }
  }

  void PrintEnum(const pb::EnumDescriptor& values) {
    out_ << "\n## " << values.name() << "\n\n" << Need(values) << "\n\n";
    out_ << "| Value | Meaning |\n|---|---|\n";
    for (int i = 0; i < values.value_count(); ++i) {
      out_ << "| `" << values.value(i)->name() << "` | " << Need(*values.value(i)) << " |\n";
    }
  }

  template <typename Described>
  std::string Need(const Described& described) {
    std::string comment = Comment(described);
    if (comment.empty()) uncommented_.push_back(described.full_name());
    return comment;
  }

  std::ostream& out_;
  std::vector<std::string> uncommented_;
};

int Main(const char* path) {
  std::ifstream file(path, std::ios::binary);
  pb::FileDescriptorSet set;
  if (!file || !set.ParseFromIstream(&file) || set.file_size() != 1) {
    std::cerr << "job_file_doc: " << path << " is no descriptor set of one file\n";
    return 1;
  }
  pb::DescriptorPool pool;
  const pb::FileDescriptor* job = pool.BuildFile(set.file(0));
  if (job == nullptr) return 1;
  Printer printer(std::cout);
  printer.Print(*job);
  for (const std::string& name : printer.uncommented()) {
    std::cerr << "job_file_doc: " << name << " has no comment in proto/job.proto\n";
  }
  return printer.uncommented().empty() ? 0 : 1;
}

}  // namespace
}  // namespace skybridge::tools

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: job_file_doc DESCRIPTOR_SET > docs/job_file.md\n";
    return 2;
  }
  return skybridge::tools::Main(argv[1]);
}
