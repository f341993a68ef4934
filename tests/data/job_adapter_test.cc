// SPDX-License-Identifier: Apache-2.0
#include "data/job_adapter.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "proto/job.pb.h"

namespace skybridge::data {
namespace {

// `text` on top of `job`: single fields are replaced, repeated ones added.
void Merge(std::string_view text, job::Job* job) {
  job::Job more;
  CHECK(google::protobuf::TextFormat::ParseFromString(std::string(text), &more)) << text;
  job->MergeFrom(more);
}

job::Job SmallJob() {
  job::Job job;
  Merge(R"pb(
          data {
            train { path: "train.tsv" }
            candidate_key: "item"
            query_key: "user"
          }
          query {
            feature {
              column: "user"
              id {}
            }
          }
          candidate {
            feature {
              column: "item"
              id { form: INTEGER }
            }
          }
        )pb",
        &job);
  return job;
}

// The error of the small job with `text` on top of it.
std::string Refusal(std::string_view text, const std::function<void(job::Job*)>& change = {}) {
  job::Job job = SmallJob();
  Merge(text, &job);
  if (change) change(&job);
  const auto options = OptionsFromJob(job, "/base");
  if (options.has_value()) return "accepted";
  EXPECT_EQ(options.error().code(), StatusCode::kInvalidArgument);
  return options.error().message();
}

TEST(JobAdapterTest, SmallJobGetsTheDefaults) {
  const DatasetOptions options = *OptionsFromJob(SmallJob(), "/base");
  EXPECT_EQ(options.base, "/base");
  EXPECT_EQ(options.seed, 1u);
  ASSERT_EQ(options.train.size(), 1u);
  EXPECT_EQ(options.train[0].paths, (std::vector<std::string>{"train.tsv"}));
  EXPECT_FALSE(options.train[0].format.has_value());
  EXPECT_FALSE(options.candidates.has_value());
  EXPECT_EQ(options.candidate_key, "item");
  EXPECT_EQ(options.query_key, "user");
  EXPECT_EQ(options.partition_bytes, 4u << 20);
  EXPECT_EQ(options.batch, 1024u);
  EXPECT_EQ(options.positives, 1u);
  EXPECT_TRUE(options.in_batch_negatives);
  EXPECT_EQ(options.uniform_negatives, 0u);
  EXPECT_TRUE(options.mask_history);
  EXPECT_FALSE(options.sample_negatives);
  EXPECT_EQ(options.query.features[0].pooling, Pooling::kMean);
  EXPECT_EQ(options.query.features[0].id.form, IdForm::kHashed);
}

// A job that sets every field of data, features and negatives.
constexpr const char* kEveryField = R"pb(
  seed: 9
  data {
    train {
      path: "*.csv"
      format: CSV
      column: [ "user", "item", "topic", "source" ]
      where: "split=a=b"
      group_by: "source"
      mask_by: "topic"
    }
    candidates { path: "items.jsonl" format: JSON_LINES }
    display: "title"
    holdout: 0.25
    partition_bytes: 77
  }
  query {
    feature {
      column: "history"
      id { form: INTEGER separator: "|" below: 50 pooling: SQRT_N }
    }
    feature {
      column: "age"
      number { missing: 3 }
    }
  }
  candidate {
    feature {
      column: "title"
      text {
        words: false
        word_pairs: true
        prefix: 4
        prefix_weight: 0.5
        ngram_from: 2
        ngram_to: 3
        ngram_weight: 0.25
        buckets: 1000
        saturation: 2
        pooling: MEAN
      }
    }
  }
  loss { kind: BPR }
  negatives { in_batch: false uniform: 6 mask_history: false }
  training { batch: 32 positives: 4 }
  evaluation { name: "valid" holdout: true mask_seen: true }
  evaluation { source { path: "test.tsv" } }
)pb";

job::Job JobWithEveryField() {
  job::Job job = SmallJob();
  Merge(kEveryField, &job);
  return job;
}

TEST(JobAdapterTest, EveryFieldOfDataAndTrainingReachesTheOptions) {
  const DatasetOptions options = *OptionsFromJob(JobWithEveryField(), "");
  EXPECT_EQ(options.seed, 9u);
  const SourceOptions& train = options.train[1];
  EXPECT_EQ(train.format, Format::kCsv);
  EXPECT_EQ(train.columns.size(), 4u);
  EXPECT_EQ(train.where->column, "split");
  EXPECT_EQ(train.where->value, "a=b") << "the first = separates";
  EXPECT_EQ(train.group_by, "source");
  EXPECT_EQ(train.mask_by, "topic");
  EXPECT_EQ(options.candidates->format, Format::kJsonLines);
  EXPECT_EQ(options.display, (std::vector<std::string>{"title"}));
  EXPECT_EQ(options.holdout, 0.25);
  EXPECT_EQ(options.partition_bytes, 77u);
  EXPECT_TRUE(options.sample_negatives);
  EXPECT_FALSE(options.in_batch_negatives);
  EXPECT_EQ(options.uniform_negatives, 6u);
  EXPECT_FALSE(options.mask_history);
  EXPECT_EQ(options.batch, 32u);
  EXPECT_EQ(options.positives, 4u);
  ASSERT_EQ(options.evaluations.size(), 2u);
  EXPECT_EQ(options.evaluations[0].name, "valid");
  EXPECT_TRUE(options.evaluations[0].holdout && options.evaluations[0].mask_seen);
  EXPECT_EQ(options.evaluations[1].source.paths, (std::vector<std::string>{"test.tsv"}));
}

TEST(JobAdapterTest, EveryFieldOfFeaturesReachesTheOptions) {
  const DatasetOptions options = *OptionsFromJob(JobWithEveryField(), "");
  const FeatureOptions& history = options.query.features[1];
  EXPECT_EQ(history.id.form, IdForm::kInteger);
  EXPECT_EQ(history.id.separator, "|");
  EXPECT_EQ(history.id.below, 50u);
  EXPECT_EQ(history.pooling, Pooling::kSqrtN);
  EXPECT_EQ(options.query.features[2].number.missing, 3.0f);
  const TextOptions& text = options.candidate.features[1].text;
  EXPECT_FALSE(text.words);
  EXPECT_TRUE(text.word_pairs);
  EXPECT_EQ(text.prefix, 4u);
  EXPECT_EQ(text.prefix_weight, 0.5f);
  EXPECT_EQ(text.ngram_from, 2u);
  EXPECT_EQ(text.ngram_to, 3u);
  EXPECT_EQ(text.ngram_weight, 0.25f);
  EXPECT_EQ(text.buckets, 1000u);
  EXPECT_EQ(text.saturation, 2.0f);
  EXPECT_EQ(options.candidate.features[1].pooling, Pooling::kMean);
}

TEST(JobAdapterTest, CandidateKeyIsANumberIfItsFeatureIs) {
  job::Job job = SmallJob();
  EXPECT_EQ(OptionsFromJob(job, "")->candidate_key_form, IdForm::kInteger);
  job.mutable_candidate()->mutable_feature(0)->mutable_id()->set_form(job::HASHED);
  EXPECT_EQ(OptionsFromJob(job, "")->candidate_key_form, IdForm::kHashed);
}

TEST(JobAdapterTest, RowsThatSomeTowerWeighsAreCountedInCandidates) {
  job::Job job = SmallJob();
  Merge(R"pb(query {
               feature {
                 column: "ask"
                 table: "words"
                 text { learned_weights: true }
               }
             }
             candidate {
               feature {
                 column: "title"
                 table: "words"
                 text {}
               }
               feature {
                 column: "plot"
                 text {}
               }
             })pb",
        &job);
  const DatasetOptions options = *OptionsFromJob(job, "");
  EXPECT_FALSE(options.query.features[1].count_documents);
  EXPECT_FALSE(options.candidate.features[0].count_documents);
  EXPECT_TRUE(options.candidate.features[1].count_documents);
  EXPECT_FALSE(options.candidate.features[2].count_documents);
}

TEST(JobAdapterTest, WhatIsMissingIsNamed) {
  const auto refusal = [](auto change) { return Refusal("", change); };
  EXPECT_EQ(refusal([](job::Job* job) { job->mutable_data()->clear_train(); }),
            "data.train: missing: no training source");
  EXPECT_EQ(refusal([](job::Job* job) { job->mutable_data()->clear_candidate_key(); }),
            "data.candidate_key: missing");
  EXPECT_EQ(refusal([](job::Job* job) { job->clear_query(); }), "query.feature: missing");
  EXPECT_EQ(refusal([](job::Job* job) { job->clear_candidate(); }), "candidate.feature: missing");
  EXPECT_EQ(Refusal("data { train {} }"), "data.train[1].path: missing");
  EXPECT_EQ(Refusal("query { feature { id {} } }"), "query.feature[1].column: missing");
  EXPECT_EQ(Refusal("query { feature { column: 'c' } }"),
            "query.feature[1]: no kind: add id {}, number {} or text {}");
}

TEST(JobAdapterTest, SourcesThatContradictThemselvesAreRefused) {
  EXPECT_EQ(Refusal("data { train { path: 'x' where: 'split' } }"),
            "data.train[1].where: 'split' is not column=value, as split=train");
  EXPECT_EQ(Refusal("data { train { path: 'x' where: '=train' } }"),
            "data.train[1].where: '=train' is not column=value, as split=train");
  EXPECT_EQ(Refusal("data { train { path: 'x' column: ['a', 'a'] } }"),
            "data.train[1].column: a name twice");
  const std::string adjacency =
      "data.train[1].column: ADJACENCY needs two names: the query's column, then item";
  EXPECT_EQ(Refusal("data { train { path: 'x' format: ADJACENCY } }"), adjacency);
  EXPECT_EQ(Refusal("data { train { path: 'x' format: ADJACENCY column: ['item', 'user'] } }"),
            adjacency);
  EXPECT_EQ(Refusal("data { candidates { path: 'x' format: ADJACENCY column: ['u', 'item'] } }"),
            "data.candidates.format: ADJACENCY does not describe candidates");
  EXPECT_EQ(Refusal("data { candidates { path: 'x' group_by: 'a' } }"),
            "data.candidates.group_by: for training sources only");
  EXPECT_EQ(Refusal("data { candidates { path: 'x' mask_by: 'a' } }"),
            "data.candidates.mask_by: for training sources only");
  EXPECT_EQ(Refusal("data { display: 'title' }"),
            "data.display: needs data.candidates, whose columns are displayed");
}

TEST(JobAdapterTest, InverseClozeNeedsTextFeaturesThatReadItsColumns) {
  const std::string towers =
      "query { feature { column: 'ask' text {} } } candidate { feature { column: 'long' text {} } "
      "}";
  const auto cloze = [&](const std::string& fields) {
    return Refusal(towers + "data { train { path: 'x' inverse_cloze { " + fields + " } } }");
  };
  EXPECT_EQ(cloze("document: 'long' query: 'ask'"), "accepted");
  EXPECT_EQ(cloze("document: 'long' query: 'other'"),
            "data.train[1].inverse_cloze.query: no text feature reads 'other'");
  EXPECT_EQ(cloze("document: 'other' query: 'ask'"),
            "data.train[1].inverse_cloze.document: no text feature reads 'other'");
  EXPECT_EQ(cloze("document: 'long' query: 'user'"),
            "data.train[1].inverse_cloze.query: 'user' is read by a feature that is no text");
  EXPECT_EQ(cloze("document: 'long' query: 'ask' keep: 1.5"),
            "data.train[1].inverse_cloze.keep: not in [0, 1]");
  EXPECT_EQ(Refusal(towers + "evaluation { source { path: 'x' inverse_cloze { document: 'long' "
                             "query: 'ask' } } }"),
            "evaluation[0].source.inverse_cloze: for training sources only");
}

TEST(JobAdapterTest, TextWithoutSenseIsRefused) {
  const auto text = [](const std::string& fields) {
    return Refusal("query { feature { column: 'c' text { " + fields + " } } }");
  };
  EXPECT_EQ(text("ngram_from: 4 ngram_to: 3"),
            "query.feature[1].text.ngram_from: lengths from 4 to 3: say both, the smaller first");
  EXPECT_EQ(text("ngram_to: 3"),
            "query.feature[1].text.ngram_from: lengths from 0 to 3: say both, the smaller first");
  EXPECT_EQ(text("words: false"),
            "query.feature[1].text: no token: words, word_pairs, prefix and n-grams are all off");
  EXPECT_EQ(text("saturation: -1"), "query.feature[1].text.saturation: negative");
  EXPECT_EQ(text("saturation: nan"), "query.feature[1].text.saturation: negative");
}

TEST(JobAdapterTest, NumbersOutOfTheirRangeAreRefused) {
  EXPECT_EQ(Refusal("data { holdout: 1 }"), "data.holdout: not in [0, 1)");
  EXPECT_EQ(Refusal("data { holdout: -0.1 }"), "data.holdout: not in [0, 1)");
  EXPECT_EQ(Refusal("data { holdout: nan }"), "data.holdout: not in [0, 1)");
  EXPECT_EQ(Refusal("data { partition_bytes: 0 }"), "data.partition_bytes: 0");
  EXPECT_EQ(Refusal("training { batch: 0 }"), "training.batch: 0");
  EXPECT_EQ(Refusal("training { positives: 0 }"), "training.positives: 0");
  EXPECT_EQ(Refusal("negatives { in_batch: false }"),
            "negatives: none: in_batch is false and uniform is 0");
}

TEST(JobAdapterTest, EvaluationsSayWhereTheirPairsAre) {
  const std::string either = "evaluation[0]: say either source {} or holdout: true";
  EXPECT_EQ(Refusal("evaluation {}"), either);
  EXPECT_EQ(Refusal("data { holdout: 0.1 } evaluation { holdout: true source { path: 'x' } }"),
            either);
  EXPECT_EQ(Refusal("evaluation { holdout: true }"),
            "evaluation[0].holdout: data.holdout is 0, so nothing is held out");
  EXPECT_EQ(Refusal("evaluation { source { path: 'x' } mask_seen: true }",
                    [](job::Job* job) { job->mutable_data()->clear_query_key(); }),
            "evaluation[0].mask_seen: needs data.query_key to know a query again");
}

}  // namespace
}  // namespace skybridge::data
