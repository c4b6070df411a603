// Goal: each reason for which libtorch sees no device is told from the others, with its own remedy.
// Method: reports of machines that are not there to be had, judged.
#include "coordinator/doctor/devices.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

class DevicesTest : public testing::Test {
 protected:
  DevicesTest() { question_.machine.cuda_built = 13000; }
  void Devices(int count) {
    question_.machine.cuda_driver = 13000;
    question_.machine.devices.assign(count, {"NVIDIA H100", uint64_t{80} << 30});
  }
  void Expect(Health state, const std::string& found, const std::string& remedy) {
    const Finding finding = JudgeDevices(question_);
    EXPECT_EQ(finding.state, state) << finding.found;
    EXPECT_THAT(finding.found, HasSubstr(found));
    EXPECT_THAT(finding.remedy, HasSubstr(remedy));
    EXPECT_EQ(finding.remedy.empty(), state == Health::kOk);
  }
  DeviceQuestion question_;
};

TEST_F(DevicesTest, ADriverOlderThanLibtorchsCudaIsToldWithBothVersionsAndBothRemedies) {
  question_.machine.cuda_driver = 12040;
  Expect(Health::kWarning, "supports CUDA up to 12.4, libtorch was built for CUDA 13.0",
         "NVIDIA driver 580");
  Expect(Health::kWarning, "runs on the CPU", "libtorch for CUDA 12: STRATA_TORCH_DIR=DIR");
  question_.wish = "cuda";
  Expect(Health::kProblem, "driver is too old", "or set device: auto");
}

TEST_F(DevicesTest, AnOlderMinorVersionIsNoReason) {
  question_.machine.cuda_built = 12080;
  question_.machine.cuda_driver = 12040;
  question_.machine.device_error = "initialization error";
  Expect(Health::kWarning, "CUDA says: initialization error", "nvidia-smi");
}

TEST_F(DevicesTest, ACardWithoutADriverIsToldFromNoCard) {
  Expect(Health::kOk, "no NVIDIA card and no driver", "");
  question_.nvidia_card = true;
  Expect(Health::kWarning, "an NVIDIA card", "docker run --gpus all");
  question_.wish = "cuda";
  Expect(Health::kProblem, "no driver that libtorch can load", "NVIDIA driver 580");
}

TEST_F(DevicesTest, HiddenDevicesAreToldByTheVariable) {
  question_.machine.cuda_driver = 13000;
  for (const char* hides : {"", "-1"}) {
    question_.visible = hides;
    Expect(Health::kWarning, "CUDA_VISIBLE_DEVICES hides", "unset CUDA_VISIBLE_DEVICES");
  }
  question_.visible = "7";
  Expect(Health::kWarning, "no device", "CUDA_VISIBLE_DEVICES is 7");
}

TEST_F(DevicesTest, AWorkerForTheCpuAloneSaysHowToBuildAnother) {
  question_.machine.cuda_built = 0;
  question_.wish = "cuda";
  Expect(Health::kProblem, "built for the CPU alone", "STRATA_CUDA=ON");
}

TEST_F(DevicesTest, MoreRanksThanDevicesIsAProblemUnlessHostsMayShareThem) {
  Devices(2);
  question_.ranks = 2;
  Expect(Health::kOk, "2 × NVIDIA H100", "");
  question_.ranks = 3;
  Expect(Health::kProblem, "for 3 ranks", "workers: 2");
  question_.elsewhere = true;
  Expect(Health::kWarning, "for 3 ranks", "workers: 2");
}

TEST_F(DevicesTest, DevicesThatAreNotAskedForAreLeft) {
  Devices(1);
  question_.wish = "cpu";
  question_.ranks = 8;
  Expect(Health::kOk, "left unused: 1 × NVIDIA H100", "");
}

TEST_F(DevicesTest, MemoryIsCountedPerDeviceOrOverAllRanks) {
  const Memory memory{uint64_t{16} << 30, uint64_t{8} << 30};
  question_.ranks = 4;
  EXPECT_EQ(JudgeMemory(uint64_t{1} << 30, question_, memory).state, Health::kOk);
  EXPECT_EQ(JudgeMemory(uint64_t{3} << 30, question_, memory).state, Health::kWarning);
  EXPECT_EQ(JudgeMemory(uint64_t{5} << 30, question_, memory).state, Health::kProblem);
  Devices(4);
  EXPECT_EQ(JudgeMemory(uint64_t{70} << 30, question_, memory).state, Health::kOk);
  const Finding finding = JudgeMemory(uint64_t{90} << 30, question_, memory);
  EXPECT_EQ(finding.state, Health::kProblem);
  EXPECT_THAT(finding.remedy, HasSubstr("micro_batch_size"));
}

}  // namespace
}  // namespace strata
