// Goal: a template is filled in as its head says, and what it can't stand for is refused. Method:
// small templates; the built-in one is in job_script_test.cc.
#include "coordinator/slurm/job_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::string> Fill(const std::string& text, const std::string& required = "") {
  return FillTemplate({"my.sh", text}, {{"job_name", "x"}, {"sbatch", ""}, {"branches", "a\nb"}},
                      required);
}

TEST(JobTemplateTest, ReplacesNamesBetweenBraces) {
  EXPECT_EQ(*Fill("n={{job_name}}-{{ job_name }}\n(\n{{branches}}\n)\n"), "n=x-x\n(\na\nb\n)\n");
}

TEST(JobTemplateTest, LeavesOutNotesAndLinesThatBecomeEmpty) {
  EXPECT_EQ(*Fill("a\n## {{anything}}\n{{sbatch}}\n\n# b {{sbatch}}\n"), "a\n\n# b \n");
}

TEST(JobTemplateTest, LeavesWhatBashWritesWithBraces) {
  EXPECT_EQ(*Fill("${x:-{{y}\n"), "${x:-{{y}\n");
}

TEST(JobTemplateTest, WhatIsRequiredMustBeFilledInSomewhere) {
  EXPECT_EQ(*Fill("( {{ branches }} )\n", "branches"), "( a\nb )\n");
  const absl::Status refused = Fill("# branches\n## {{branches}}\n", "branches").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("my.sh: has no {{branches}}"));
}

TEST(JobTemplateTest, AnUnknownNameIsRefusedWithItsLineAndTheNearest) {
  const absl::Status refused = Fill("a\n{{jobname}}\n").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(refused.message()),
      testing::AllOf(HasSubstr("my.sh:2: {{jobname}}"), HasSubstr("nearest is {{job_name}}"),
                     HasSubstr("may have: branches, job_name, sbatch")));
}

}  // namespace
}  // namespace strata
