// Goal: a rank's events are found among what MPI says, whole or not at all. Method: output as
// mpirun mixes it.
#include "coordinator/doctor/worker_report.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::IsEmpty;

TEST(WorkerReportTest, EventsOfRanksAddUpInAnyOrderAndWithTags) {
  const WorkerReport report = ReadWorkerReport(
      "[1,1]<stdout>:{\"probe\":\"joined\",\"rank\":1,\"host\":\"b\",\"device\":\"cpu\"}\n"
      "----------\n"
      "{\"probe\":\"reduced\",\"rank\":1,\"bytes\":8,\"seconds\":0.5,\"wrong\":2}\n");
  ASSERT_EQ(report.ranks.size(), 1);
  const RankReport& rank = report.ranks.at(1);
  EXPECT_TRUE(rank.started && rank.joined);
  EXPECT_EQ(rank.host, "b");
  EXPECT_EQ(rank.bytes, 8);
  EXPECT_EQ(rank.wrong, 2);
  EXPECT_THAT(report.words, IsEmpty());
}

TEST(WorkerReportTest, ALineThatIsNoEventCountsAsWords) {
  const WorkerReport report = ReadWorkerReport(
      "{\"probe\":\"reduced\",\"rank\":0}\n"
      "{\"probe\":\"speed\",\"rank\":\n"
      "{\"probe\":\"dance\",\"rank\":0}\n");
  EXPECT_THAT(report.ranks, IsEmpty());
  EXPECT_EQ(report.words.size(), 3);
  EXPECT_FALSE(report.machine.has_value());
}

TEST(WorkerReportTest, AMachineIsReadWithItsDevices) {
  const WorkerReport report = ReadWorkerReport(
      R"({"probe":"machine","host":"a","libtorch":"2.11.0","cuda_built":13000,"cuda_driver":13010,)"
      R"("device_error":"","devices":[{"name":"NVIDIA H100","bytes":85520809984}]})");
  ASSERT_TRUE(report.machine.has_value());
  EXPECT_EQ(report.machine->cuda_driver, 13010);
  ASSERT_EQ(report.machine->devices.size(), 1);
  EXPECT_EQ(report.machine->devices[0].bytes, 85520809984);
}

TEST(WorkerReportTest, TheWordsThatTellMostAreTheWorkersThenTheComplaints) {
  EXPECT_EQ(TellingWords({"note: be careful", "an Error occurred", "strata-worker: no device"}),
            "strata-worker: no device");
  EXPECT_EQ(TellingWords({"note: be careful", "an Error occurred "}), "an Error occurred");
  EXPECT_EQ(TellingWords({"first", "last"}), "last");
  EXPECT_EQ(TellingWords({}), "");
}

}  // namespace
}  // namespace strata
