#include "coordinator/run/generation.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "absl/strings/str_cat.h"
#include "common/posix_file.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/run/branch_start.h"
#include "coordinator/run/launcher_choice.h"
#include "coordinator/run/named_adapter.h"
#include "coordinator/run/preparation.h"
#include "coordinator/run/run_access.h"
#include "coordinator/run/run_driver.h"
#include "coordinator/tokens/example_tokenizer.h"
#include "coordinator/tokens/streamed_text.h"

namespace strata {
namespace {

constexpr uint64_t kPromptTokensMax =
    8 << 20;  // of all prompts: they go to the worker in one message

// Of the model for each thread: a pass of a small one is over before other threads have woken up.
constexpr int64_t kWeightsPerThread = 16 << 20;

using PromptIds = std::vector<std::vector<uint32_t>>;

// "the prompt", or "prompt 3 of 30".
std::string NameOf(size_t prompt, size_t prompts) {
  return prompts == 1 ? "the prompt" : absl::StrCat("prompt ", prompt + 1, " of ", prompts);
}

int ThreadsFor(const ModelConfig& model) {
  return static_cast<int>(
      std::clamp<int64_t>(LinearWeights(model) / kWeightsPerThread, 1, ThreadsPerRank(1)));
}

absl::Status CheckSampling(const Sampling& sampling) {
  const auto refuse = [](const char* what, double value, const char* range) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is ", value, "; it must be ", range));
  };
  if (!std::isfinite(sampling.temperature) || sampling.temperature < 0)
    return refuse("the temperature", sampling.temperature, "0 (the likeliest token) or more");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1))
    return refuse("top_p", sampling.top_p, "above 0, and at most 1 (all tokens)");
  if (!std::isfinite(sampling.repetition_penalty) || sampling.repetition_penalty <= 0)
    return refuse("the repetition penalty", sampling.repetition_penalty, "above 0; 1 is none");
  return absl::OkStatus();
}

absl::Status CheckRequest(const GenerateRequest& request) {
  const size_t prompts = request.prompts.size();
  if (prompts == 0) return absl::InvalidArgumentError("there is no prompt: give a text");
  for (size_t i = 0; i < prompts; ++i) {
    if (!IsUtf8(request.prompts[i]))
      return absl::InvalidArgumentError(absl::StrCat(NameOf(i, prompts), " is not UTF-8"));
    if (IsBlank(request.prompts[i]))
      return absl::InvalidArgumentError(absl::StrCat(NameOf(i, prompts), " is empty: give a text"));
  }
  if (!IsUtf8(request.system)) return absl::InvalidArgumentError("the system message is not UTF-8");
  if (request.raw && !request.system.empty())
    return absl::InvalidArgumentError(
        "a raw prompt has no system message: write it into the prompt, or leave raw");
  if (request.max_new_tokens < 1 || request.batch_size < 1)
    return absl::InvalidArgumentError("max_new_tokens and batch_size must be at least 1");
  return CheckSampling(request.sampling);
}

absl::StatusOr<std::vector<uint32_t>> IdsOf(const GenerateRequest& request, size_t prompt,
                                            const ExampleTokenizer& tokenizer) {
  if (request.raw) return tokenizer.TokenizeOpen(request.prompts[prompt]);
  std::vector<Message> messages;
  if (!IsBlank(request.system)) messages.push_back({"system", request.system});
  messages.push_back({"user", request.prompts[prompt]});
  return tokenizer.TokenizePrompt(messages);
}

absl::StatusOr<PromptIds> Tokenized(const GenerateRequest& request, const Base& base,
                                    const ExampleTokenizer& tokenizer) {
  PromptIds prompts;
  uint64_t tokens = 0;
  const auto positions = static_cast<uint64_t>(base.model.max_position_embeddings);
  for (size_t i = 0; i < request.prompts.size(); ++i) {
    ASSIGN_OR_RETURN(std::vector<uint32_t> ids, IdsOf(request, i, tokenizer));
    const std::string name = NameOf(i, request.prompts.size());
    if (ids.empty()) return absl::InvalidArgumentError(absl::StrCat(name, " has no token"));
    if (ids.size() >= positions) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " has ", ids.size(), " tokens, which leaves no room for an answer in the base's ",
          positions, " positions (max_position_embeddings): shorten it"));
    }
    tokens += ids.size();
    prompts.push_back(std::move(ids));
  }
  if (tokens <= kPromptTokensMax) return prompts;
  return absl::InvalidArgumentError(absl::StrCat("the prompts have ", tokens,
                                                 " tokens together, at most ", kPromptTokensMax,
                                                 " go at once: give them in parts"));
}

void SetTask(const GenerateRequest& request, const PromptIds& prompts,
             const std::vector<uint32_t>& stop_ids, v1::GenerateTask* task) {
  for (const std::vector<uint32_t>& ids : prompts)
    task->add_prompts()->mutable_ids()->Add(ids.begin(), ids.end());
  v1::Sampling* sampling = task->mutable_sampling();
  sampling->set_temperature(request.sampling.temperature);
  sampling->set_top_k(request.sampling.top_k);
  sampling->set_top_p(request.sampling.top_p);
  sampling->set_repetition_penalty(request.sampling.repetition_penalty);
  sampling->set_seed(request.sampling.seed);
  task->set_max_new_tokens(request.max_new_tokens);
  task->mutable_stop_ids()->Add(stop_ids.begin(), stop_ids.end());
  task->set_batch_size(request.batch_size);
}

// By the template that the adapter was trained with, where it tells it.
absl::StatusOr<ExampleTokenizer> TokenizerFor(const Config& config, const BranchStore& store,
                                              const std::string& adapter) {
  const std::filesystem::path file = TemplateFileOf(store, adapter);
  TokenizerSettings settings;
  if (!file.empty()) {
    ASSIGN_OR_RETURN(settings.chat_template, TemplateInFile(file));
  } else {
    ASSIGN_OR_RETURN(settings, TokenizerSettingsOf(config));
  }
  return ExampleTokenizer::Open(config.model_name_or_path, settings);
}

// Makes text of the tokens that come.
class Answers {
 public:
  Answers(const GenerateRequest& request, const PromptIds& prompts, const Tokenizer* tokenizer)
      : request_(request), answers_(prompts.size()) {
    for (const std::vector<uint32_t>& ids : prompts) {
      answers_[texts_.size()].prompt_tokens = ids.size();
      texts_.emplace_back(tokenizer);
    }
  }
  void Take(const TokenPiece& piece) {
    StreamedText& text = texts_[piece.prompt];
    const absl::StatusOr<std::string> certain = text.Add(piece.ids, piece.ended);
    if (!certain.ok()) return status_.Update(certain.status());
    if (!certain->empty() && request_.on_text) request_.on_text(piece.prompt, *certain);
    if (!piece.ended) return;
    Generated& answer = answers_[piece.prompt];
    answer.text = text.text();
    answer.ids = text.ids();
    answer.seconds = piece.seconds;
    answer.stopped_by = piece.by_stop_token ? "eos" : "length";
    if (request_.on_end) request_.on_end(piece.prompt, answer);
  }
  absl::StatusOr<std::vector<Generated>> Whole() {
    if (!status_.ok()) return status_;
    return std::move(answers_);
  }

 private:
  const GenerateRequest& request_;
  std::vector<Generated> answers_;
  std::deque<StreamedText> texts_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::vector<Generated>> Generate(const Config& config,
                                                const GenerateRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const Base base, OpenBase(config));
  ASSIGN_OR_RETURN(const BranchStore store, OpenBranchStore(config));
  ASSIGN_OR_RETURN(const ExampleTokenizer tokenizer, TokenizerFor(config, store, request.adapter));
  ASSIGN_OR_RETURN(const PromptIds prompts, Tokenized(request, base, tokenizer));
  DriveInput input;
  input.spec.run = RunId(absl::StrCat("generation-", RandomHex(4)));
  input.spec.purpose = Purpose::kGenerate;
  input.task = TaskBasics(config, base);
  SetTask(request, prompts, tokenizer.stop_ids(), input.task.mutable_generate());
  ASSIGN_OR_RETURN(input.adapter,
                   AdapterNamed(config, store, base, request.adapter, request.on_warning));
  ASSIGN_OR_RETURN(input.access, NewAccess(config, /*elsewhere=*/false));
  RETURN_IF_ERROR(FileSystem::Real()->CreateDirectories(config.CacheDir()));
  const std::filesystem::path log = config.CacheDir() / "generate.log";
  input.launcher = LocalLauncher(config);
  input.launch = {
      .ranks = 1,
      .worker = WorkerProgram(),
      .arguments = {"--device", config.device, "--threads", std::to_string(ThreadsFor(base.model))},
      .environment = {},
      .log = log};
  input.stops = request.stops;
  Answers answers(request, prompts, &tokenizer.tokenizer());
  input.on_tokens = [&answers](const TokenPiece& piece) { answers.Take(piece); };
  if (request.on_start) request.on_start();
  RunDriver driver(std::move(input));
  RETURN_IF_ERROR(driver.Open());
  ASSIGN_OR_RETURN(const DriveOutcome outcome, driver.Drive());
  if (outcome.verdict == Verdict::kInterrupted) return absl::CancelledError(outcome.reason);
  if (outcome.verdict != Verdict::kCompleted) {
    return absl::UnavailableError(
        absl::StrCat(outcome.reason, " (what the worker said: ", log.string(), ")"));
  }
  return answers.Whole();
}

}  // namespace strata
