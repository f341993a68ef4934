// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gflags/gflags.h>

#include "data/synthetic.h"
#include "env/files.h"
#include "launch/commands.h"

DEFINE_string(out, "build/synthetic", "Folder for train.tsv, test.tsv and items.tsv.");
DEFINE_uint64(seed, 1, "Seeds every random choice.");
DEFINE_uint64(users, 10000, "Users.");
DEFINE_uint64(items, 2000, "Items.");
DEFINE_uint32(clusters, 40, "Hidden groups of users and of items that belong together.");
DEFINE_uint32(train_per_user, 20, "Lines of train.tsv for each user.");
DEFINE_uint32(test_per_user, 2, "Lines of test.tsv for each user.");
DEFINE_double(signal, 0.8, "Share of lines whose item is of the user's cluster.");
DEFINE_double(zipf, 1.0, "Exponent of the items' popularity.");
DEFINE_uint32(words_per_item, 0, "Words of its cluster in each item's text; 0: no text.");

namespace skybridge::launch {
namespace {

data::SyntheticOptions OptionsByFlags() {
  return {.seed = FLAGS_seed,
          .users = FLAGS_users,
          .items = FLAGS_items,
          .clusters = FLAGS_clusters,
          .train_per_user = FLAGS_train_per_user,
          .test_per_user = FLAGS_test_per_user,
          .signal = FLAGS_signal,
          .zipf = FLAGS_zipf,
          .words_per_item = FLAGS_words_per_item};
}

Status CheckGenerate(const std::vector<std::string>&) { return OptionsByFlags().Validate(); }

Status Generate(const std::vector<std::string>&) {
  const data::SyntheticOptions options = OptionsByFlags();
  SKY_RETURN_IF_ERROR(env::MakeFolders(FLAGS_out));
  SKY_ASSIGN_OR_RETURN(const data::SyntheticReport report,
                       data::GenerateSynthetic(options, FLAGS_out));
  fmt::print("{}: {} training pairs, {} test pairs; best possible recall@{} {:.4f}\n", FLAGS_out,
             report.train_pairs, report.test_pairs, options.k, report.recall_ceiling);
  return {};
}

}  // namespace

Command GenerateCommand() {
  return {
      .name = "generate",
      .summary = "Write a synthetic log with a known answer, for trying things out.",
      .details =
          "Users and items belong to hidden clusters; the best recall that any model "
          "can reach is printed. examples/synthetic.pbtxt trains on it. Files of these names are "
          "replaced.",
      .flags = {"out", "users", "items", "clusters", "train_per_user", "test_per_user", "signal",
                "zipf", "words_per_item", "seed"},
      .check = CheckGenerate,
      .run = Generate};
}

}  // namespace skybridge::launch
