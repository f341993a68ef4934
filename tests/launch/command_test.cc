// SPDX-License-Identifier: Apache-2.0
#include "launch/command.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include "launch/commands.h"

DEFINE_string(test_text, "none", "A text.");
DEFINE_int32(test_count, 5, "A count.");
DEFINE_bool(test_switch, false, "A switch.");
DEFINE_string(test_list, "", "A list.");
DEFINE_string(test_other, "", "Of another command.");

namespace skybridge::launch {
namespace {

using Words = std::vector<std::string>;

Status RunNothing(const Words& positionals) {
  return positionals[0] == "bad" ? Status(StatusCode::kUnavailable, "bad luck") : Status();
}

class CommandTest : public testing::Test {
 protected:
  Result<Words> Parse(const Words& arguments) const { return ParseArguments(command_, arguments); }
  void ExpectRefused(const Words& arguments, const std::string& word) const {
    const Status refused = Parse(arguments).status();
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(refused.message().find(word), std::string::npos) << refused;
  }

  const gflags::FlagSaver saver_;
  const Command command_ = {.name = "try",
                            .summary = "Tries.",
                            .arguments = "JOB [TEXT]",
                            .flags = {"test_text", "test_count", "test_switch", "test_list"},
                            .repeated = {"test_list"},
                            .positionals_min = 1,
                            .positionals_max = 2,
                            .run = RunNothing};
};

TEST_F(CommandTest, FlagsComeInEveryUsualForm) {
  EXPECT_EQ(*Parse({"job", "--test_text=a=b", "-test_count", "7", "--test_switch", "more"}),
            (Words{"job", "more"}));
  EXPECT_EQ(FLAGS_test_text, "a=b");
  EXPECT_EQ(FLAGS_test_count, 7);
  EXPECT_TRUE(FLAGS_test_switch);
  EXPECT_TRUE(Parse({"job", "--notest_switch"}).has_value());
  EXPECT_FALSE(FLAGS_test_switch);
  EXPECT_EQ(*Parse({"job", "--", "--test_text"}), (Words{"job", "--test_text"}));
}

TEST_F(CommandTest, PartsThatAreWrongTogetherAreAWrongCommandLine) {
  Command command = command_;
  command.check = [](const Words&) {
    return FLAGS_test_count == 5 ? Status()
                                 : Status(StatusCode::kInvalidArgument, "only 5, \x1b[31mred");
  };
  const Words right = {"try", "job"};
  const Words wrong = {"try", "job", "--test_count", "6"};
  EXPECT_EQ(RunProgram({&command, 1}, right), 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunProgram({&command, 1}, wrong), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "skybridge try: only 5, \\x1b[31mred\ntry: skybridge try --help\n");
}

TEST_F(CommandTest, RepeatedFlagsKeepAllValues) {
  EXPECT_TRUE(Parse({"job", "--test_list", "a", "--test_list=b c"}).has_value());
  EXPECT_EQ(Lines(FLAGS_test_list), (Words{"a", "b c"}));
}

TEST_F(CommandTest, MistakesAreNamed) {
  ExpectRefused({"job", "--test_txt=a"}, "test_text");
  ExpectRefused({"job", "--test_other=a"}, "test_other");
  ExpectRefused({"job", "--test_count=many"}, "many");
  ExpectRefused({"job", "--test_text"}, "needs a value");
  ExpectRefused({}, "JOB");
  ExpectRefused({"job", "text", "more"}, "more");
}

TEST_F(CommandTest, HelpShowsUsageAndFlagsWithDefaults) {
  const std::string help = HelpText(command_);
  for (const char* part : {"Tries.", "skybridge try [FLAGS] JOB [TEXT]", "--test_count", "[5]"}) {
    EXPECT_NE(help.find(part), std::string::npos) << help;
  }
  EXPECT_EQ(help.find("test_other"), std::string::npos);
}

TEST_F(CommandTest, HelpOfACommandThatTakesAnExportDoesNotSpeakOfAJobFile) {
  EXPECT_EQ(HelpText(EvaluateCommand()).find("JOB"), std::string::npos)
      << HelpText(EvaluateCommand());
}

TEST_F(CommandTest, ExitCodesTellUsageFromFailure) {
  const Command commands[] = {command_};
  const auto run = [&](const Words& arguments) { return RunProgram(commands, arguments); };
  EXPECT_EQ(run({"try", "job"}), 0);
  EXPECT_EQ(run({"try", "--help"}), 0);
  EXPECT_EQ(run({"help"}), 0);
  EXPECT_EQ(run({"try"}), 2);
  EXPECT_EQ(run({"tri"}), 2);
  EXPECT_EQ(run({"try", "bad"}), 3);
}

Words seen_verbatim;

TEST_F(CommandTest, ArgumentsForAnotherProgramAreNotLookedAt) {
  const Command commands[] = {{.name = "other", .verbatim = true, .run = [](const Words& words) {
                                 seen_verbatim = words;
                                 return Status(StatusCode::kUnavailable, "not now");
                               }}};
  const Words arguments = {"other", "--nosuch", "--help", "--", "x"};
  EXPECT_EQ(RunProgram(commands, arguments), 3);
  EXPECT_EQ(seen_verbatim, (Words{"--nosuch", "--help", "--", "x"}));
}

}  // namespace
}  // namespace skybridge::launch
