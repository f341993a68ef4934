// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "launch/open_job.h"
#include "tests/cluster/skybridge_runs.h"
#include "tests/support/reference_trainer.h"

namespace skybridge::cluster {
namespace {

class ReferenceTest : public ClusterTest {
 protected:
  // What the reference trainer makes of the job with `set`, as TableHashes has it.
  std::map<std::string, std::string> ReferenceHashes(const std::vector<std::string>& set,
                                                     uint64_t clocks_least) const {
    auto loaded = launch::LoadJob({.path = Path("job.pbtxt"), .set = set});
    CHECK(loaded.has_value()) << loaded.error();
    auto job = launch::OpenLoadedJob(*std::move(loaded));
    CHECK(job.has_value()) << job.error();
    const auto catalogue = launch::CatalogueIfNeeded(*job);
    CHECK(catalogue.has_value()) << catalogue.error();
    support::ReferenceTrainer trainer(job->model, job->data, job->plan, catalogue->get(),
                                      {.seed = job->loaded.job.seed(),
                                       .ranks = job->loaded.job.consistency().trainers(),
                                       .epochs = job->loaded.job.training().epochs()});
    CHECK(trainer.Prepare().ok());
    CHECK(trainer.Train().ok());
    EXPECT_GE(trainer.clocks(), clocks_least);
    std::map<std::string, std::string> hashes;
    for (uint32_t table = 0; table < job->model.tables().size(); ++table) {
      hashes[job->model.tables()[table].name] =
          fmt::format("{:016x}", trainer.TableHash(TableId(table)));
    }
    return hashes;
  }
};

// Promise: in lockstep a cluster makes what a plain single-threaded trainer makes, bit for bit.
TEST_F(ReferenceTest, RealProcessesEqualItAfterTwoHundredClocks) {
  MakeData();
  const auto expected = ReferenceHashes({"training.epochs=5"}, 200);
  EXPECT_EQ(TableHashes({"--set", "training.epochs=5", "--set", "cluster.servers=2", "--set",
                         "cluster.shards_per_server=2", "--set", "cluster.workers=2"}),
            expected);
}

}  // namespace
}  // namespace skybridge::cluster
