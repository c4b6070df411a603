// Goal: what PEFT, vLLM or llama.cpp would refuse or compute otherwise is told by its rule, and
// what they take is not. Method: an adapter's config and tensors as strata writes them, with one
// thing changed each.
#include "coordinator/store/portability.h"

#include "coordinator/store/metadata.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PortabilityTest : public testing::Test {
 protected:
  PortabilityTest() {
    Candidate candidate = CandidateOf(1, Version());
    candidate.lora_r = 2;
    candidate.target_modules = {"q_proj", "down_proj"};
    config_ = AdapterConfig(candidate);
    for (const char* module : {"model.layers.0.self_attn.q_proj", "model.layers.0.mlp.down_proj"}) {
      const std::string path = std::string("base_model.model.") + module;
      tensors_.push_back({path + ".lora_A.weight", "F32", {2, 8}});
      tensors_.push_back({path + ".lora_B.weight", "F32", {8, 2}});
    }
  }
  Portability Judge() const { return PortabilityOf(config_, tensors_); }
  void SetRank(int64_t r) {
    config_["r"] = r;
    for (TensorView& tensor : tensors_)
      tensor.shape[tensor.name.find("lora_A") != std::string::npos ? 0 : 1] = r;
  }
  // Broken by what was changed, for all three.
  void ExpectBroken(const std::string& why) const {
    const Portability judged = Judge();
    EXPECT_THAT(judged.peft.breaches, ElementsAre(HasSubstr(why)));
    EXPECT_EQ(judged.vllm.breaches, judged.peft.breaches);
    EXPECT_EQ(judged.llama_cpp.breaches, judged.peft.breaches);
  }

  Json config_;
  std::vector<TensorView> tensors_;
};

TEST_F(PortabilityTest, WhatStrataWritesLoadsEverywhereWithoutANote) {
  EXPECT_EQ(DumpJson(PortabilityJson(Judge())),
            R"({"peft":{"ok":true,"notes":[]},"vllm":{"ok":true,"notes":[]},)"
            R"("llama_cpp":{"ok":true,"notes":[]}})");
}

TEST_F(PortabilityTest, RanksAboveVllmsDefaultAreServedWithTheSmallestThatItAllows) {
  const std::pair<int64_t, const char*> ranks[] = {{17, "32"},   {56, "64"},   {64, "64"},
                                                   {129, "256"}, {257, "320"}, {512, "512"}};
  for (const auto& [r, allowed] : ranks) {
    SetRank(r);
    EXPECT_THAT(Judge().vllm.notes,
                ElementsAre(std::string("serve with --max-lora-rank ") + allowed));
    EXPECT_TRUE(Judge().vllm.ok());
  }
  SetRank(16);
  EXPECT_THAT(Judge().vllm.notes, IsEmpty());
}

TEST_F(PortabilityTest, RankBeyondVllmsIsBrokenForItAlone) {
  SetRank(513);
  EXPECT_THAT(Judge().vllm.breaches, ElementsAre(HasSubstr("lower lora_r")));
  EXPECT_TRUE(Judge().peft.ok());
  EXPECT_TRUE(Judge().llama_cpp.ok());
}

TEST_F(PortabilityTest, WhatOnlyPeftFollowsIsNamedForTheOthers) {
  const std::pair<const char*, Json> keys[] = {{"use_dora", true},
                                               {"modules_to_save", {"lm_head"}},
                                               {"rank_pattern", {{"q_proj", 4}}},
                                               {"alpha_pattern", {{"q_proj", 4}}},
                                               {"bias", "all"}};
  for (const auto& [key, value] : keys) {
    const Json before = config_;
    config_[key] = value;
    EXPECT_TRUE(Judge().peft.ok()) << key;
    EXPECT_THAT(Judge().vllm.breaches, ElementsAre(HasSubstr(key))) << key;
    EXPECT_THAT(Judge().llama_cpp.breaches, ElementsAre(HasSubstr(key))) << key;
    config_ = before;
  }
}

TEST_F(PortabilityTest, RsLoraIsFollowedByAllButLlamaCpp) {
  config_["use_rslora"] = true;
  EXPECT_THAT(Judge().llama_cpp.breaches, ElementsAre(HasSubstr("use_rslora")));
  EXPECT_TRUE(Judge().peft.ok());
  EXPECT_TRUE(Judge().vllm.ok());
}

TEST_F(PortabilityTest, AProjectionThatLlamaCppDoesNotMapIsNamed) {
  for (TensorView& tensor : tensors_) {
    const size_t at = tensor.name.find("down_proj");
    if (at != std::string::npos) tensor.name.replace(at, 9, "c_proj");
  }
  config_["target_modules"] = {"q_proj", "c_proj"};
  EXPECT_THAT(Judge().llama_cpp.breaches, ElementsAre(HasSubstr("map c_proj")));
  EXPECT_TRUE(Judge().vllm.ok());
}

TEST_F(PortabilityTest, APrivatePathOfTheBaseIsNotedForTheConverter) {
  for (const char* name : {"", "/home/me/base", "./base"}) {
    config_["base_model_name_or_path"] = name;
    EXPECT_THAT(Judge().llama_cpp.notes, ElementsAre(HasSubstr("--base FOLDER"))) << name;
  }
}

TEST_F(PortabilityTest, NamesThatPeftDoesNotWriteAreBroken) {
  for (const char* name :
       {"base_model.model.q_proj.lora_A.default.weight", "q_proj.lora_A.weight",
        "base_model.model.q_proj.weight", "base_model.model.embed_tokens.lora_embedding_A", ""}) {
    const std::vector<TensorView> before = tensors_;
    tensors_.push_back({name, "F32", {2, 8}});
    ExpectBroken("is called otherwise");
    tensors_ = before;
  }
}

TEST_F(PortabilityTest, HalfAPairIsBroken) {
  tensors_.erase(tensors_.begin());
  ExpectBroken("model.layers.0.self_attn.q_proj has no lora_A");
}

TEST_F(PortabilityTest, ShapesThatDoNotFitTheRankAreBroken) {
  config_["r"] = 4;
  EXPECT_THAT(Judge().peft.breaches,
              ElementsAre(HasSubstr("of different adapters"), HasSubstr("F32[8, 2] where r = 4")));
  config_["r"] = 2;
  tensors_[0].shape = {2, 8, 1};
  ExpectBroken("q_proj has lora_A F32[2, 8, 1]");
  tensors_[0].shape = {};
  ExpectBroken("q_proj has lora_A F32[]");
}

TEST_F(PortabilityTest, OtherKindsOfNumbersAreBroken) {
  tensors_[3].dtype = "I8";
  ExpectBroken("down_proj.lora_B.weight is I8");
}

TEST_F(PortabilityTest, TargetsAndTensorsAreCompared) {
  config_["target_modules"] = {"q_proj"};
  ExpectBroken("tensors of down_proj");
  config_["target_modules"] = {"q_proj", "down_proj", "v_proj"};
  EXPECT_THAT(Judge().peft.notes, ElementsAre(HasSubstr("v_proj, which has no tensors")));
  EXPECT_TRUE(Judge().peft.ok());
}

TEST_F(PortabilityTest, AConfigThatLacksWhatPeftNeedsIsBroken) {
  const Json whole = config_;
  for (const char* key : {"peft_type", "task_type", "lora_alpha", "target_modules"}) {
    config_ = whole;
    config_.erase(key);
    ExpectBroken(key);
  }
  for (const Json& odd : {Json(), Json(0), Json(-1), Json("32"), Json::array()}) {
    config_ = whole;
    config_["lora_alpha"] = odd;
    ExpectBroken("lora_alpha");
  }
  config_ = whole;
  config_["target_modules"] = "all-linear";
  ExpectBroken("target_modules");
  for (const Json& nothing : {Json(), Json::array(), Json("text")}) {
    config_ = nothing;
    EXPECT_FALSE(Judge().peft.ok());
  }
}

TEST_F(PortabilityTest, NoTensorsAreBroken) {
  tensors_.clear();
  EXPECT_THAT(Judge().peft.breaches, ElementsAre("there are no tensors: save the adapter again"));
}

TEST_F(PortabilityTest, IsToldWithItsNotesAndBreaches) {
  SetRank(56);
  PortabilityText text = TextOfPortability(PortabilityJson(Judge()));
  EXPECT_THAT(text.loaders,
              ElementsAre("PEFT", "vLLM (serve with --max-lora-rank 64)", "llama.cpp"));
  EXPECT_THAT(text.breaches, IsEmpty());
  config_["use_rslora"] = true;
  text = TextOfPortability(PortabilityJson(Judge()));
  EXPECT_THAT(text.breaches, ElementsAre(HasSubstr("llama.cpp: adapter_config.json sets")));
  EXPECT_THAT(TextOfPortability(Json()).loaders, IsEmpty());
}

}  // namespace
}  // namespace strata
