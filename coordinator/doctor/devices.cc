#include "coordinator/doctor/devices.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "coordinator/doctor/examination.h"
#include "coordinator/run/launcher_choice.h"
#include "coordinator/run/micro_batch_choice.h"

namespace strata {
namespace {

constexpr char kLess[] =
    "lower micro_batch_size, max_length or workers, or set gradient_checkpointing: true";

// 12040 is 12.4.
std::string CudaVersion(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

// The oldest driver for a major version of CUDA (CUDA's release notes, "minor version
// compatibility").
std::string DriverFor(int cuda) {
  const int major = cuda / 1000;
  const int driver = major >= 13 ? 580 : major == 12 ? 525 : 450;
  return absl::StrCat("NVIDIA driver ", driver, " or newer");
}

struct Reason {
  std::string why, remedy;
};

Reason WhyNone(const DeviceQuestion& question) {
  const MachineReport& machine = question.machine;
  if (machine.cuda_built == 0) {
    return {"this worker was built for the CPU alone",
            "build it with CUDA: STRATA_CUDA=ON deploy/setup.sh"};
  }
  if (machine.cuda_driver == 0 && !question.nvidia_card) {
    return {"no NVIDIA card and no driver", "device: cpu, or run on a machine with a CUDA device"};
  }
  if (machine.cuda_driver == 0) {
    return {"there is an NVIDIA card, but no driver that libtorch can load",
            absl::StrCat("install ", DriverFor(machine.cuda_built),
                         "; in a container: docker run --gpus all")};
  }
  if (machine.cuda_driver / 1000 < machine.cuda_built / 1000) {
    return {absl::StrCat("the driver is too old: it supports CUDA up to ",
                         CudaVersion(machine.cuda_driver), ", libtorch was built for CUDA ",
                         CudaVersion(machine.cuda_built)),
            absl::StrCat("install ", DriverFor(machine.cuda_built),
                         ", or build with a libtorch for "
                         "CUDA ",
                         machine.cuda_driver / 1000, ": STRATA_TORCH_DIR=DIR deploy/setup.sh")};
  }
  if (question.visible && (question.visible->empty() || *question.visible == "-1")) {
    return {"CUDA_VISIBLE_DEVICES hides them all", "unset CUDA_VISIBLE_DEVICES"};
  }
  return {absl::StrCat("CUDA says: ",
                       machine.device_error.empty() ? "no device" : machine.device_error),
          absl::StrCat("nvidia-smi shows what the driver sees",
                       question.visible ? "; CUDA_VISIBLE_DEVICES is " + *question.visible : "")};
}

std::string NamesOf(const std::vector<DeviceSeen>& devices) {
  std::map<std::string, int> counts;
  for (const DeviceSeen& device : devices) ++counts[device.name];
  std::vector<std::string> names;
  for (const auto& [name, count] : counts) names.push_back(absl::StrCat(count, " × ", name));
  return absl::StrJoin(names, ", ");
}

}  // namespace

Finding JudgeDevices(const DeviceQuestion& question) {
  const auto devices = static_cast<int>(question.machine.devices.size());
  if (question.wish == "cpu") {
    return Fine(
        "devices",
        absl::StrCat("device: cpu",
                     devices > 0 ? "; left unused: " + NamesOf(question.machine.devices) : ""));
  }
  if (devices == 0) {
    const auto [why, remedy] = WhyNone(question);
    if (question.wish == "cuda") {
      return Problem("devices", absl::StrCat("device: cuda, but no CUDA device: ", why),
                     absl::StrCat(remedy, "; or set device: auto"));
    }
    const std::string found = absl::StrCat("no CUDA device (", why, "): training runs on the CPU");
    const bool hoped_for = question.nvidia_card || question.machine.cuda_driver > 0;
    return hoped_for ? Warning("devices", found, remedy) : Fine("devices", found);
  }
  const std::string found = NamesOf(question.machine.devices);
  if (question.ranks <= devices) return Fine("devices", found);
  const std::string less = absl::StrCat("workers: ", devices, ", or device: cpu");
  const std::string more =
      absl::StrCat(found, " for ", question.ranks, " ranks: each rank needs one");
  return question.elsewhere
             ? Warning("devices", more + ", unless the launcher spreads them over hosts", less)
             : Problem("devices", more, less);
}

Finding JudgeMemory(uint64_t rank_bytes, const DeviceQuestion& question, const Memory& memory) {
  const auto need = static_cast<double>(rank_bytes);
  if (question.wish != "cpu" && !question.machine.devices.empty()) {
    const uint64_t least =
        std::min_element(question.machine.devices.begin(), question.machine.devices.end(),
                         [](const DeviceSeen& a, const DeviceSeen& b) { return a.bytes < b.bytes; })
            ->bytes;
    const std::string found = absl::StrCat("a rank takes some ", Bytes(need), " of a device's ",
                                           Bytes(static_cast<double>(least)));
    return rank_bytes <= least ? Fine("memory", found) : Problem("memory", found, kLess);
  }
  const double all = need * question.ranks;
  const std::string found =
      absl::StrCat(question.ranks, question.ranks == 1 ? " rank takes" : " ranks take", " some ",
                   Bytes(all), "; ", Bytes(static_cast<double>(memory.available_bytes)), " of ",
                   Bytes(static_cast<double>(memory.total_bytes)), " are free");
  if (all > static_cast<double>(memory.total_bytes)) return Problem("memory", found, kLess);
  if (all > static_cast<double>(memory.available_bytes))
    return Warning("memory", found,
                   absl::StrCat("end what uses it (ps --sort=-rss aux | head), or ", kLess));
  return Fine("memory", found);
}

void ExamineDevices(Examination* examination) {
  Findings& findings = examination->findings;
  const Config settings = examination->settings();
  DeviceQuestion question;
  question.wish = settings.device;
  question.ranks = examination->ranks();
  question.elsewhere = !settings.mpirun_args.empty() || LauncherOf(settings)->leaves_this_machine();
  question.nvidia_card = HasNvidiaCard();
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) question.visible = visible;
  if (examination->machine) {
    question.machine = *examination->machine;
    findings.Add(JudgeDevices(question));
  } else {
    findings.Add(NotTried("devices", "see strata-worker"));
  }
  if (!examination->base) {
    if (examination->branch) findings.Add(NotTried("memory", "see base"));
    return;
  }
  const Memory memory = MemoryHere();
  const bool on_device = settings.device != "cpu" && !question.machine.devices.empty();
  const MicroBatch micro_batch = ChooseMicroBatch(
      settings, *examination->base, BudgetOf(settings, memory.available_bytes, on_device));
  findings.Add(JudgeMemory(micro_batch.estimate.total(), question, memory));
}

}  // namespace strata
