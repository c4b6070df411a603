// Goal: a program that does not answer as it should is told by its own words and a remedy for them.
// Method: answers of programs, judged; what the loaders of Linux say is copied from them.
#include "coordinator/doctor/programs.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

Finding Worker(const std::string& output, bool clean = false, bool timed_out = false) {
  return JudgeWorker("/opt/strata-worker", {clean, timed_out, "exit status 127", output},
                     ReadWorkerReport(output));
}

TEST(ProgramsTest, MpirunIsNamedWithItsVersionAndRootIsToldThatNoFlagIsNeeded) {
  const ProgramRun run{.clean = true, .output = "mpirun (Open MPI) 4.1.4\n\nReport bugs to …\n"};
  EXPECT_EQ(JudgeMpirun("/usr/bin/mpirun", run, false).found,
            "mpirun (Open MPI) 4.1.4 at /usr/bin/mpirun");
  EXPECT_THAT(JudgeMpirun("/usr/bin/mpirun", run, true).found, HasSubstr("root needs no flag"));
}

TEST(ProgramsTest, AnotherMpiIsAProblem) {
  const Finding finding =
      JudgeMpirun("/usr/bin/mpirun", {.clean = true, .output = "HYDRA build details:\n"}, false);
  EXPECT_EQ(finding.state, Health::kProblem);
  EXPECT_THAT(finding.found, HasSubstr("HYDRA"));
}

TEST(ProgramsTest, AnMpirunThatFailsOrHangsIsAProblem) {
  EXPECT_THAT(JudgeMpirun("/m", {.how = "signal 11"}, false).found, HasSubstr("signal 11"));
  EXPECT_THAT(JudgeMpirun("/m", {.timed_out = true}, false).found, HasSubstr("in time"));
}

TEST(ProgramsTest, AMissingLibraryIsToldInTheLoadersWords) {
  const Finding finding = Worker(
      "strata-worker: error while loading shared libraries: libtorch_cpu.so: cannot open "
      "shared object file: No such file or directory\n");
  EXPECT_EQ(finding.state, Health::kProblem);
  EXPECT_THAT(finding.found, HasSubstr("libtorch_cpu.so: cannot open"));
  EXPECT_THAT(finding.remedy, HasSubstr("readelf -d /opt/strata-worker"));
}

TEST(ProgramsTest, AnotherLibraryOrSystemThanAtTheBuildHasARemedyOfItsOwn) {
  EXPECT_THAT(Worker("w: symbol lookup error: w: undefined symbol: _ZN2at3foo\n").remedy,
              HasSubstr("LD_LIBRARY_PATH"));
  EXPECT_THAT(Worker("w: /lib/libc.so.6: version `GLIBC_2.38' not found (required by w)\n").remedy,
              HasSubstr("another system"));
}

TEST(ProgramsTest, AWorkerThatHangsOrSaysNothingIsAProblem) {
  EXPECT_THAT(Worker("", false, true).remedy, HasSubstr("--patience"));
  EXPECT_EQ(Worker("all is well\n", true).state, Health::kProblem);
  EXPECT_EQ(Worker("").found, "/opt/strata-worker does not start: exit status 127");
}

TEST(ProgramsTest, AWorkerThatStartsIsNamedWithItsLibtorch) {
  const std::string machine =
      R"({"probe":"machine","libtorch":"2.11.0","cuda_built":12080,"cuda_driver":0,)"
      R"("device_error":"","devices":[]})";
  EXPECT_EQ(Worker(machine + "\n", true).found, "starts, with libtorch 2.11.0 for CUDA 12.8");
}

}  // namespace
}  // namespace strata
