// Goal: branch.yaml becomes the Config its author meant, or an error that says where, which key,
// and what instead. Method: whole branch folders through LoadConfig; every key is broken in every
// way that its kind allows.
#include "coordinator/config/branch_yaml.h"

#include <sys/stat.h>

#include <map>

#include "gmock/gmock.h"
#include "tests/coordinator/config/branch_folder.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class LoadConfigTest : public testing::Test {
 protected:
  std::string MessageOf(const std::string& more) { return branch_.MessageOf(more); }
  std::string MessageOfSet(const std::string& override_text) {
    const absl::Status status = branch_.Load("", {override_text}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << override_text << " " << status;
    return std::string(status.message());
  }
  // The message for a whole branch.yaml.
  std::string MessageOfFile(const std::string& text) {
    branch_.Write(text);
    const absl::Status status = LoadConfig(branch_.path(), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }

  BranchFolder branch_;
};

TEST_F(LoadConfigTest, TheModelAloneMakesABranchOfDefaults) {
  const auto config = branch_.Load("");
  ASSERT_TRUE(config.ok()) << config.status();
  Config expected;
  expected.branch = branch_.path();
  expected.name = "antropologia";
  expected.model_name_or_path = branch_.path() / "base";
  expected.base_model_name = "base";
  EXPECT_EQ(*config, expected);
}

TEST_F(LoadConfigTest, EveryKindOfKeyIsRead) {
  const auto config = branch_.Load(
      "name: 'otro nombre'\nlora_r: 56\nlora_alpha: 112\nlora_dropout: 0.025\npacking: false\n"
      "lr_scheduler_type: linear\ndtype: bfloat16\nseed: 18446744073709551615\nmpirun_args: "
      "[--hostfile, hosts]\n"
      "lora_target_modules:\n  - q_proj\n  - v_proj\nexcess_length_strategy: raise\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "otro nombre");
  EXPECT_EQ(config->lora_r, 56);
  EXPECT_EQ(config->lora_alpha, 112);
  EXPECT_EQ(config->lora_dropout, 0.025);
  EXPECT_FALSE(config->packing);
  EXPECT_EQ(config->lr_scheduler_type, Schedule::kLinear);
  EXPECT_EQ(config->dtype, "bfloat16");
  EXPECT_EQ(config->seed, UINT64_MAX);
  EXPECT_THAT(config->mpirun_args, ElementsAre("--hostfile", "hosts"));
  EXPECT_THAT(config->lora_target_modules, ElementsAre("q_proj", "v_proj"));
  EXPECT_EQ(config->excess_length_strategy, ExcessLength::kRaise);
}

TEST_F(LoadConfigTest, TiersAndDatasetsAreReadWithWhatTheyOverride) {
  const auto config = branch_.Load(
      "tiers:\n  - name: gold\n    match: [\"*gold*\"]\n    order: [b_gold.jsonl, a_gold.jsonl]\n"
      "    num_train_epochs: 5\n  - {name: rest, match: ['*'], learning_rate: 1e-5}\n"
      "datasets:\n  - {file: x.jsonl, tier: gold, exclude: true, num_train_epochs: 1, "
      "learning_rate: 3e-4}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->tiers,
              ElementsAre(TierConfig{"gold", {"*gold*"}, {"b_gold.jsonl", "a_gold.jsonl"}, 5, {}},
                          TierConfig{"rest", {"*"}, {}, {}, 1e-5}));
  EXPECT_THAT(config->datasets, ElementsAre(DatasetConfig{"x.jsonl", "gold", 1, 3e-4, true}));
}

TEST_F(LoadConfigTest, AMirrorIsRelativeToTheFileThatNamesIt) {
  EXPECT_EQ(branch_.Load("")->MirrorDir(), "");
  EXPECT_EQ(branch_.Load("backup_mirror: /mnt/b/\n")->MirrorDir(),
            std::filesystem::path("/mnt/b") / branch_.path().filename());
  EXPECT_EQ(branch_.Load("backup_mirror: ../b\n")->backup_mirror,
            (branch_.path() / "../b").lexically_normal());
}

TEST_F(LoadConfigTest, AChatTemplateIsAWordOrAFileRelativeToTheFile) {
  EXPECT_EQ(branch_.Load("")->chat_template, "default");
  EXPECT_EQ(branch_.Load("chat_template: model\n")->chat_template, "model");
  EXPECT_EQ(branch_.Load("chat_template: ../mine.jinja\n")->chat_template,
            (branch_.path().parent_path() / "mine.jinja").string());
  EXPECT_EQ(branch_.Load("chat_template: /t/mine.jinja\n")->chat_template, "/t/mine.jinja");
  EXPECT_EQ(branch_.Load("", {"chat_template=mine.jinja"})->chat_template,
            (branch_.path() / "mine.jinja").string());
  EXPECT_THAT(
      MessageOf("chat_template: chatml\n"),
      AllOf(HasSubstr("chat_template"), HasSubstr("default, model or the path of a .jinja")));
}

TEST_F(LoadConfigTest, TheTlsFilesAreRelativeToTheFileThatNamesThem) {
  const auto config = branch_.Load("tls_certificate_file: run.pem\ntls_key_file: /k/run.key\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls_certificate_file, branch_.path() / "run.pem");
  EXPECT_EQ(config->tls_key_file, "/k/run.key");
  EXPECT_EQ(branch_.Load("")->tls_key_file, "");
  EXPECT_THAT(MessageOf("tls_key_file: run.key\n"), HasSubstr("set tls_certificate_file"));
}

TEST_F(LoadConfigTest, WhichAnswersAreLearntIsThreeWords) {
  EXPECT_EQ(branch_.Load("")->assistant_only_loss, std::nullopt);
  EXPECT_EQ(branch_.Load("assistant_only_loss: auto\n")->assistant_only_loss, std::nullopt);
  EXPECT_EQ(branch_.Load("assistant_only_loss: true\n")->assistant_only_loss, true);
  EXPECT_EQ(branch_.Load("", {"assistant_only_loss=false"})->assistant_only_loss, false);
  EXPECT_THAT(MessageOf("assistant_only_loss: maybe\n"), HasSubstr("one of auto, true, false"));
}

TEST_F(LoadConfigTest, TheModelsPathIsRelativeToTheFileOrAbsolute) {
  EXPECT_EQ(branch_.Load("", {"model_name_or_path=../shared/base/"})->model_name_or_path,
            branch_.path().parent_path() / "shared" / "base");
  const auto absolute =
      branch_.Load("base_model_name: org/model\n", {"model_name_or_path=/models/base"});
  EXPECT_EQ(absolute->model_name_or_path, "/models/base");
  EXPECT_EQ(absolute->base_model_name, "org/model");
}

TEST_F(LoadConfigTest, ABranchNamedByADotHasItsFoldersName) {
  branch_.Write("model_name_or_path: base\n");
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(branch_.path());
  const auto dot = LoadConfig(".", {}), slash = LoadConfig(branch_.path() / "", {});
  std::filesystem::current_path(here);
  ASSERT_TRUE(dot.ok()) << dot.status();
  EXPECT_EQ(dot->name, "antropologia");
  EXPECT_EQ(slash->name, "antropologia");
}

TEST_F(LoadConfigTest, OverridesComeAfterTheFileAndTheLastWins) {
  const auto config =
      branch_.Load("lora_r: 8\n", {"lora_r=4", "lora_target_modules=[q_proj]", "lora_r=2",
                                   "datasets=[{file: a.jsonl, exclude: true}]", "name=a=b"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->lora_r, 2);
  EXPECT_THAT(config->lora_target_modules, ElementsAre("q_proj"));
  EXPECT_EQ(config->datasets.size(), 1);
  EXPECT_EQ(config->name, "a=b");
}

TEST_F(LoadConfigTest, EffectiveValuesReadBackAsTheSameConfig) {
  const auto config = branch_.Load(
      "name: \"a \\\"b\\\" \\\\ c\"\nlora_alpha: 0.1\nlearning_rate: 1.2345678901234567e-5\ndtype: "
      "float32\n"
      "tiers: [{name: t, match: ['*']}, {name: u, learning_rate: 0.5}]\ndatasets: [{file: a.jsonl, "
      "tier: u}]\n");
  ASSERT_TRUE(config.ok()) << config.status();
  std::vector<std::string> overrides;
  for (const auto& [key, value] : EffectiveValues(*config)) overrides.push_back(key + "=" + value);
  const auto again = branch_.Load("", overrides);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *config);
}

TEST_F(LoadConfigTest, WindowsLineBreaksAndAByteOrderMarkAreNothing) {
  branch_.Write("\xEF\xBB\xBFmodel_name_or_path: base\r\nlora_r: 8\r\n");
  const auto config = LoadConfig(branch_.path(), {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->lora_r, 8);
}

TEST_F(LoadConfigTest, AFolderWithoutBranchYamlSaysHowToMakeOne) {
  const absl::Status status = LoadConfig(branch_.path(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("strata init"), HasSubstr(branch_.path().string())));
  EXPECT_EQ(LoadConfig(branch_.path() / "nowhere", {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(LoadConfigTest, ABranchYamlThatIsNoFileIsRefusedWithoutWaiting) {
  ASSERT_EQ(mkfifo(branch_.yaml_path().c_str(), 0600), 0);
  EXPECT_EQ(LoadConfig(branch_.path(), {}).status().code(), absl::StatusCode::kUnavailable);
  std::filesystem::remove(branch_.yaml_path());
  std::filesystem::create_directory(branch_.yaml_path());
  EXPECT_EQ(LoadConfig(branch_.path(), {}).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LoadConfigTest, AnUnknownKeyNamesPlaceAndNearestKey) {
  EXPECT_EQ(
      MessageOf("\nlerning_rate: 1e-4\n"),
      branch_.yaml_path() + ":3: lerning_rate is not a known key; the nearest is learning_rate");
  EXPECT_THAT(MessageOf("tiers:\n  - name: a\n    mach: ['*']\n"),
              HasSubstr(":4: tiers[0].mach is not a known key; the nearest is match"));
  EXPECT_EQ(MessageOfSet("lora_rr=1"),
            "--set lora_rr=1: lora_rr is not a known key; the nearest is lora_r");
}

TEST_F(LoadConfigTest, AKeyOfTheFieldSaysThatItIsNotSupported) {
  EXPECT_THAT(MessageOf("load_in_4bit: true\n"),
              HasSubstr("known in the field, not supported by this version"));
}

TEST_F(LoadConfigTest, AllLinearMeansEveryLayerButTheHead) {
  const auto config = branch_.Load("lora_target_modules: all-linear\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->lora_target_modules, Config().lora_target_modules);
  EXPECT_THAT(MessageOf("lora_target_modules: [all-linear]\n"),
              HasSubstr("write lora_target_modules: all-linear, without a list"));
}

TEST_F(LoadConfigTest, AKeyThatComesTwiceIsRefused) {
  EXPECT_THAT(MessageOf("seed: 1\nlora_r: 8\nseed: 2\n"), HasSubstr(":4: seed is set twice"));
  EXPECT_THAT(MessageOf("tiers: [{name: a, name: b}]\n"), HasSubstr("tiers[0].name is set twice"));
}

TEST_F(LoadConfigTest, NumbersOutsideTheirBoundsAreRefused) {
  const std::map<std::string, std::vector<std::string>> bad = {
      {"lora_r",
       {"0", "513", "-1", "1.5", "99999999999999999999999", "'8'", "0x10", "010", "1e2", "[8]", "~",
        "yes"}},
      {"lora_alpha", {"0", "-1", ".nan", ".inf", "1e999", "1e7", "'1'", "1,5", "{}", ""}},
      {"lora_dropout", {"1", "-0.1", "nan", "inf"}},
      {"max_length", {"7", "1048577"}},
      {"global_batch_size", {"0", "4294967296"}},
      {"micro_batch_size", {"0"}},
      {"num_train_epochs", {"0", "10001"}},
      {"max_steps", {"-1", "4294967296"}},
      {"learning_rate", {"0", "1.1", "-1e-4", "nan"}},
      {"warmup_ratio", {"1", "-0.01"}},
      {"weight_decay", {"-1", "2"}},
      {"adam_beta1", {"1"}},
      {"adam_beta2", {"1"}},
      {"adam_epsilon", {"0"}},
      {"max_grad_norm", {"-1"}},
      {"seed", {"-1", "18446744073709551616"}},
      {"val_set_size", {"1"}},
      {"workers", {"0", "65537"}},
      {"max_nonfinite_steps", {"0"}},
      {"keep_backups", {"-1", "10001"}},
  };
  for (const auto& [key, values] : bad) {
    for (const std::string& value : values) {
      EXPECT_THAT(MessageOf(key + ": " + value + "\n"),
                  StartsWith(branch_.yaml_path() + ":2: " + key + " must be a"))
          << value;
    }
  }
}

TEST_F(LoadConfigTest, BoundsThemselvesAreAccepted) {
  for (const std::string good :
       {"lora_r=1", "lora_r=512", "lora_dropout=0", "lora_dropout=0.999", "keep_backups=0",
        "max_length=8", "max_length=1048576", "learning_rate=1", "seed=0", "max_steps=4294967295",
        "adam_beta1=0", "val_set_size=0", "warmup_ratio=0", "weight_decay=0", "max_grad_norm=0",
        "micro_batch_size=64", "workers=65536", "packing=False"}) {
    EXPECT_TRUE(branch_.Load("", {good}).ok()) << good;
  }
}

TEST_F(LoadConfigTest, AMicroBatchIsANumberOrAuto) {
  EXPECT_EQ(branch_.Load("micro_batch_size: auto\n")->micro_batch_size, 0);
  EXPECT_EQ(branch_.Load("", {"per_device_train_batch_size=auto"})->micro_batch_size, 0);
  EXPECT_EQ(
      MessageOfSet("micro_batch_size=automatic"),
      "--set micro_batch_size=automatic: micro_batch_size must be auto or a whole number from "
      "1 to 1048576; is automatic");
  EXPECT_THAT(MessageOfSet("micro_batch_size=[4]"), HasSubstr("micro_batch_size must be a text"));
  EXPECT_THAT(MessageOfSet("micro_batch_size=-1"), HasSubstr("must be auto or a whole number"));
  EXPECT_THAT(MessageOfSet("gpu_memory_gb=-1"), HasSubstr("gpu_memory_gb must be a number"));
}

TEST_F(LoadConfigTest, CheckpointingIsASwitchOrAuto) {
  EXPECT_EQ(branch_.Load("")->gradient_checkpointing, false);
  EXPECT_EQ(branch_.Load("gradient_checkpointing: True\n")->gradient_checkpointing, true);
  EXPECT_EQ(branch_.Load("gradient_checkpointing: auto\n")->gradient_checkpointing, std::nullopt);
  EXPECT_EQ(MessageOfSet("gradient_checkpointing=maybe"),
            "--set gradient_checkpointing=maybe: gradient_checkpointing must be auto, true or "
            "false; is maybe");
}

TEST_F(LoadConfigTest, OtherTypesAreRefusedByName) {
  EXPECT_THAT(MessageOfSet("packing=1"), HasSubstr("packing must be true or false, is 1"));
  EXPECT_THAT(MessageOfSet("packing=\"true\""), HasSubstr("is the text \"true\""));
  EXPECT_THAT(MessageOfSet("name=[a]"), HasSubstr("name must be a text, is a list"));
  EXPECT_THAT(MessageOfSet("name="), HasSubstr("has no value"));
  EXPECT_THAT(MessageOfSet("tiers=premium"), HasSubstr("tiers must be a list, is premium"));
  EXPECT_THAT(MessageOfSet("tiers=[premium]"),
              HasSubstr("tiers[0] must be lines of KEY: VALUE, is premium"));
  EXPECT_THAT(MessageOfSet("mpirun_args=[[a]]"),
              HasSubstr("mpirun_args[0] must be a text, is a list"));
  EXPECT_THAT(MessageOfSet("device=gpu"),
              HasSubstr("device must be one of auto, cpu, cuda; is gpu"));
  EXPECT_THAT(MessageOfSet("dtype=float16"),
              HasSubstr("dtype must be one of \"\", float32, bfloat16; is float16"));
  EXPECT_THAT(MessageOfSet("mpirun=''"), HasSubstr("mpirun must not be empty"));
  EXPECT_THAT(MessageOfSet("listen='host:0'"), HasSubstr("listen must be HOST or HOST:PORT"));
  EXPECT_THAT(MessageOfSet("name=\"a\\0b\""), HasSubstr("control characters"));
}

TEST_F(LoadConfigTest, ListsOfNamesAreChecked) {
  EXPECT_THAT(MessageOfSet("lora_target_modules=[]"), HasSubstr("at least one module"));
  EXPECT_THAT(MessageOfSet("lora_target_modules=[q_proj, q_proj]"), HasSubstr("twice"));
  EXPECT_THAT(MessageOfSet("lora_target_modules=[self_attn.q_proj]"),
              HasSubstr("last part of a module's path"));
  EXPECT_THAT(MessageOfSet("datasets=[{exclude: true}]"), HasSubstr("datasets[0] has no file"));
  EXPECT_THAT(MessageOfSet("tiers=[{match: ['*']}]"), HasSubstr("tiers[0] has no name"));
  for (const std::string file : {"../a.jsonl", "a.json", ".a.jsonl", "training/a.jsonl"}) {
    EXPECT_THAT(MessageOfSet("datasets=[{file: " + file + "}]"),
                HasSubstr("must be the name of a .jsonl file"));
  }
}

TEST_F(LoadConfigTest, RelationsAreCheckedLast) {
  EXPECT_THAT(MessageOf("datasets: [{file: a.jsonl, tier: gold}]\n"),
              AllOf(StartsWith(branch_.yaml_path()), HasSubstr("gold")));
}

TEST_F(LoadConfigTest, AnOverrideThatIsNotKeyAndValueIsAUsageError) {
  EXPECT_THAT(MessageOfSet("lora_r"), HasSubstr("--set takes KEY=VALUE"));
  EXPECT_THAT(MessageOfSet("=8"), HasSubstr("--set takes KEY=VALUE"));
  EXPECT_THAT(MessageOfSet("lora_r=[8"), HasSubstr("not YAML"));
  EXPECT_THAT(MessageOfSet("lora_r=8\n---\n9"), HasSubstr("second YAML document"));
}

TEST_F(LoadConfigTest, AFileThatIsNotAConfigurationIsRefused) {
  EXPECT_THAT(MessageOfFile(""), HasSubstr("model_name_or_path"));
  EXPECT_THAT(MessageOfFile("# only a comment\n"), HasSubstr("model_name_or_path"));
  EXPECT_THAT(MessageOfFile("lora_r: 8\n"), HasSubstr("model_name_or_path: missing"));
  EXPECT_THAT(MessageOfFile("- a\n- b\n"), HasSubstr("KEY: VALUE"));
  EXPECT_THAT(MessageOfFile("just text"), HasSubstr("KEY: VALUE"));
  EXPECT_THAT(MessageOfFile("a: b\n\tc: d\n"), HasSubstr("branch.yaml:2: not YAML"));
  EXPECT_THAT(MessageOfFile("a: 1\n---\nb: 2\n"), HasSubstr("second YAML document"));
  EXPECT_THAT(MessageOfFile("[a]: b\n"), HasSubstr("a key must be a text"));
  EXPECT_THAT(MessageOfFile(std::string("a: b\nc\0d: e\n", 12)), HasSubstr(":2: a NUL byte"));
  EXPECT_THAT(MessageOfFile("a: *nowhere\n"), HasSubstr("not YAML"));
}

// Found by tests/fuzz: yaml-cpp took all memory.
TEST_F(LoadConfigTest, ASignThatBeginsNothingIsRefused) {
  for (const char* text : {",", ",extends:: a.yaml", "]", "}\n", "lora_r: 8\n...\n,a", "? ]"}) {
    EXPECT_THAT(MessageOfFile(text), HasSubstr("not YAML")) << text;
    EXPECT_THAT(MessageOfSet(std::string("lora_r=") + text), HasSubstr("--set")) << text;
  }
  EXPECT_THAT(MessageOfFile("lora_r: 8\n,a\n"), HasSubstr("branch.yaml:2: not YAML"));
}

TEST_F(LoadConfigTest, AHostileFileIsRefusedInBoundedTimeAndStack) {
  const auto repeated = [](std::string_view piece) {
    std::string text;
    while (text.size() + piece.size() < kBranchYamlBytesMax) text += piece;
    return text;
  };
  for (const char* piece : {"[", "- ", "{a: ", "? "}) {
    EXPECT_THAT(MessageOfFile(repeated(piece)), HasSubstr("nested too deep"));
  }
  EXPECT_THAT(MessageOfFile(std::string(kBranchYamlBytesMax + 1, '#')), HasSubstr("too large"));
  std::string laughs = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 60; ++i) {
    const std::string one = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    laughs += name + ": &" + name + " [" + one + ", " + one + "]\n";
  }
  EXPECT_THAT(MessageOfFile(laughs), HasSubstr("a0 is not a known key"));
}

}  // namespace
}  // namespace strata
