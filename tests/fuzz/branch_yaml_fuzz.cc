// Goal: no branch.yaml and no --set does harm, and what is in force can be written down and read
// back. Method: the input as branch.yaml, and its first line as an override where it has an "=";
// a configuration that is taken is written out key by key and must load as the same.
#include "coordinator/config/branch_yaml.h"

#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

std::string YamlOf(const LoadedConfig& loaded) {
  std::string yaml;
  for (const Effective& effective : loaded.effective)
    yaml += effective.key + ": " + effective.value + "\n";
  return yaml;
}

void CheckReadsBack(const LoadedConfig& loaded) {
  TheFolder().Write("branch.yaml", YamlOf(loaded));
  const auto again = LoadConfig(TheFolder().path(), {});
  if (!again.ok()) std::fprintf(stderr, "%s\n", std::string(again.status().message()).c_str());
  Expect(again.ok(), "what is in force can be read back");
  Expect(*again == loaded.config, "what is read back is the same");
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  static const auto shared = TheFolder().Write("shared.yaml", "lora_r: 4\nmodel_name_or_path: m\n");
  const std::string_view input = InputOf(data, size);
  TheFolder().Write("branch.yaml", input);
  const auto loaded = LoadConfigWithSources(TheFolder().path(), {});
  if (loaded.ok()) CheckReadsBack(*loaded);
  const std::string line(input.substr(0, input.find('\n')));
  if (line.find('=') == std::string::npos) return 0;
  TheFolder().Write("branch.yaml", "model_name_or_path: m\n");
  const auto overridden = LoadConfigWithSources(TheFolder().path(), {line});
  if (overridden.ok()) CheckReadsBack(*overridden);
  return 0;
}
