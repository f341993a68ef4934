// SPDX-License-Identifier: Apache-2.0
#include "launch/job_resolve.h"

#include <algorithm>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace skybridge::launch {
namespace {

namespace pb = google::protobuf;

constexpr uint64_t kPushMemoryLeast = 64ull << 20;

// Gives `field` the value that reading it yields anyway.
void SpellOut(const pb::FieldDescriptor& field, pb::Message* message) {
  const pb::Reflection& reflection = *message->GetReflection();
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(message, &field, field.default_value_int32());
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(message, &field, field.default_value_uint32());
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(message, &field, field.default_value_uint64());
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(message, &field, field.default_value_double());
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(message, &field, field.default_value_bool());
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnum(message, &field, field.default_value_enum());
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(message, &field, field.default_value_string());
    default: return;  // The schema has no other type with a default.
  }
}

// Spells out the defaults of all fields that have one, in `message` and what is in it. Fields
// without a default mean something by their absence.
void SpellOutDefaults(pb::Message* message) {
  const pb::Descriptor& type = *message->GetDescriptor();
  const pb::Reflection& reflection = *message->GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) {
      if (field.message_type() == nullptr) continue;
      for (int n = 0; n < reflection.FieldSize(*message, &field); ++n) {
        SpellOutDefaults(reflection.MutableRepeatedMessage(message, &field, n));
      }
    } else if (reflection.HasField(*message, &field)) {
      if (field.message_type() != nullptr) {
        SpellOutDefaults(reflection.MutableMessage(message, &field));
      }
    } else if (field.has_default_value()) {
      SpellOut(field, message);
    }
  }
}

job::Optimizer OptimizerOf(job::OptimizerKind kind, double learning_rate) {
  job::Optimizer optimizer;
  optimizer.set_kind(kind);
  optimizer.set_learning_rate(learning_rate);
  return optimizer;
}

void ResolveFeature(job::Feature* feature) {
  if (!feature->has_number() && !feature->has_table() && feature->has_column()) {
    feature->set_table(feature->column());
  }
  if (!feature->has_text()) return;
  job::Text* text = feature->mutable_text();
  if (text->learned_weights() && !text->has_weights_optimizer()) {
    *text->mutable_weights_optimizer() = OptimizerOf(job::ADAGRAD, 0.02);
  }
}

void ResolveTower(job::Tower* tower) {
  for (job::Feature& feature : *tower->mutable_feature()) ResolveFeature(&feature);
  if (tower->hidden_size() > 0 && !tower->has_optimizer()) {
    *tower->mutable_optimizer() = OptimizerOf(job::ADAM, 0.001);
  }
}

// Widths that are left open are that of the first tower that reads the table.
void ResolveTables(job::Job* job) {
  for (const job::Tower* tower : {&job->query(), &job->candidate()}) {
    for (const job::Feature& feature : tower->feature()) {
      if (!feature.has_table()) continue;
      auto* tables = job->mutable_table();
      auto table = std::ranges::find(*tables, feature.table(), &job::Table::name);
      if (table == tables->end()) {
        job->add_table()->set_name(feature.table());
        table = tables->end() - 1;
      }
      if (!table->has_dim()) table->set_dim(tower->dim());
    }
  }
  for (job::Table& table : *job->mutable_table()) {
    if (!table.has_optimizer()) table.mutable_optimizer();
  }
}

// BPR takes one negative for each positive: in-batch ones and their correction are no part of it.
void ResolveNegatives(job::Job* job) {
  job::Negatives* negatives = job->mutable_negatives();
  if (job->loss().kind() != job::BPR) return;
  if (!negatives->has_in_batch()) negatives->set_in_batch(false);
  if (!negatives->has_logq()) negatives->set_logq(0);
  if (!negatives->has_uniform()) negatives->set_uniform(job->training().batch());
}

}  // namespace

job::Job ResolveJob(job::Job job) {
  job.mutable_data();
  job.mutable_similarity();
  job.mutable_loss();
  job.mutable_training();
  job.mutable_cluster();
  job.mutable_index();
  job.mutable_export_();
  ResolveTower(job.mutable_query());
  ResolveTower(job.mutable_candidate());
  ResolveTables(&job);
  ResolveNegatives(&job);
  if (!job.mutable_consistency()->has_trainers()) {
    job.mutable_consistency()->set_trainers(job.cluster().workers());
  }
  if (job::Cluster* cluster = job.mutable_cluster(); !cluster->has_push_memory_bytes()) {
    cluster->set_push_memory_bytes(std::max(kPushMemoryLeast, cluster->shard_memory_bytes() / 4));
  }
  for (job::Evaluation& evaluation : *job.mutable_evaluation()) {
    if (evaluation.k_size() > 0) continue;
    evaluation.add_k(10);
    evaluation.add_k(20);
  }
  SpellOutDefaults(&job);
  return job;
}

}  // namespace skybridge::launch
