// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <glog/logging.h>

#include "env/cpu_check.h"
#include "launch/command.h"
#include "launch/commands.h"

int main(int argc, char** argv) {
  skybridge::env::RequireCpu();
  google::InitGoogleLogging(argv[0]);
  namespace launch = skybridge::launch;
  const std::vector<launch::Command> commands = {
      launch::RunCommand(),         launch::ScaleCommand(),     launch::CheckCommand(),
      launch::QueryCommand(),       launch::EvaluateCommand(),  launch::TableCommand(),
      launch::CheckpointCommand(),  launch::GenerateCommand(),  launch::ChaosCommand(),
      launch::SimulateCommand(),    launch::SchedulerCommand(), launch::PsCommand(),
      launch::WorkerCommand(),      launch::KeygenCommand(),    launch::VersionCommand(),
      launch::RunSchedulerCommand()};
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return launch::RunProgram(commands, arguments);
}
