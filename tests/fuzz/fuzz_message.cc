// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_message.h"

#include <bit>

namespace skybridge::fuzz {
namespace {

namespace pb = google::protobuf;

constexpr uint32_t kListMax = 5;  // Elements of a list are 0 to this less one.

// Letters alone: bytes that are no UTF-8 do not reach a message that was parsed.
std::string Word(FuzzInput& input) {
  std::string word(input.Text().substr(0, 40));
  for (char& c : word) c = static_cast<char>(c & 0x7f);
  return word;
}

void FillOne(FuzzInput& input, const pb::FieldDescriptor& field, pb::Message* message) {
  const pb::Reflection& reflection = *message->GetReflection();
  const bool list = field.is_repeated();
  const auto put = [&](auto set, auto add, auto value) {
    list ? (reflection.*add)(message, &field, value) : (reflection.*set)(message, &field, value);
  };
  using R = pb::Reflection;
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return put(&R::SetUInt32, &R::AddUInt32, static_cast<uint32_t>(input.Number()));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return put(&R::SetUInt64, &R::AddUInt64, input.Number());
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return put(&R::SetInt32, &R::AddInt32, static_cast<int32_t>(input.Number()) - 1);
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return put(&R::SetBool, &R::AddBool, input.Byte() % 2 == 1);
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return put(&R::SetEnumValue, &R::AddEnumValue, static_cast<int>(input.Byte() % 16));
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return put(&R::SetFloat, &R::AddFloat, input.Take<float>());
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return put(&R::SetDouble, &R::AddDouble, input.Take<double>());
    case pb::FieldDescriptor::CPPTYPE_STRING: return put(&R::SetString, &R::AddString, Word(input));
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return Fill(input, list ? reflection.AddMessage(message, &field)
                              : reflection.MutableMessage(message, &field));
    default: LOG(FATAL) << field.full_name() << ": a type that no message had";
  }
}

}  // namespace

void Fill(FuzzInput& input, pb::Message* message) {
  const pb::Descriptor& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count() && !input.empty(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    const uint32_t count = input.Below(field.is_repeated() ? kListMax : 4);
    // One in four fields is left out.
    const uint32_t times = field.is_repeated() ? count : (count == 0 ? 0 : 1);
    for (uint32_t n = 0; n < times; ++n) FillOne(input, field, message);
  }
}

}  // namespace skybridge::fuzz
