#include "coordinator/observe/metrics_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "common/ids.h"
#include "coordinator/observe/build_revision.h"

namespace strata {
namespace {

std::string Escaped(std::string_view text, bool quotes) {
  std::string escaped;
  for (const char sign : text) {
    if (sign == '\\') {
      escaped += "\\\\";
    } else if (sign == '\n') {
      escaped += "\\n";
    } else if (sign == '"' && quotes) {
      escaped += "\\\"";
    } else {
      escaped += sign;
    }
  }
  return escaped;
}

// The shortest that reads back as the same number.
std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// A family of one sample; none when the figure is not there yet.
void Add(MetricsPage& page, std::string_view name, std::string_view type, std::string_view help,
         double value) {
  if (std::isnan(value)) return;
  page.Family(name, type, help);
  page.Sample(value);
}

void Gauge(MetricsPage& page, std::string_view name, std::string_view help, double value) {
  Add(page, name, "gauge", help, value);
}

void Counter(MetricsPage& page, std::string_view name, std::string_view help, uint64_t value) {
  Add(page, name, "counter", help, static_cast<double>(value));
}

// Unlike what is not there yet, a loss that is not finite is told.
void LastStep(MetricsPage& page, const RunFigures& figures) {
  if (figures.steps == 0) return;
  const std::pair<const char*, std::pair<const char*, double>> families[] = {
      {"strata_loss",
       {"Mean negative log-likelihood per supervised token in the last step, in nats.",
        figures.loss}},
      {"strata_learning_rate", {"Learning rate of the last step.", figures.learning_rate}},
      {"strata_grad_norm",
       {"Global L2 norm of the last step's gradients before clipping.", figures.grad_norm}}};
  for (const auto& [name, family] : families) {
    page.Family(name, "gauge", family.first);
    page.Sample(family.second);
  }
  Gauge(page, "strata_step_duration_seconds", "Wall time of the last step.", figures.step_seconds);
  Gauge(page, "strata_tokens_per_second", "Tokens of all ranks per second in the last step.",
        figures.tokens_per_second);
  Gauge(page, "strata_last_step_timestamp_seconds", "When the last step was done.",
        figures.step_time);
}

void Progress(MetricsPage& page, const RunFigures& figures) {
  Gauge(page, "strata_steps_done", "Updates of the run that are done, from its first stage on.",
        static_cast<double>(figures.steps_done));
  Gauge(page, "strata_steps_planned", "Updates that the run was planned to do.",
        static_cast<double>(figures.steps_planned));
  Gauge(page, "strata_stage", "Stage that is trained, from 1; 0 before the first step.",
        figures.stage);
  Gauge(page, "strata_stages_planned", "Stages of the run, one for each dataset.", figures.stages);
  Gauge(page, "strata_attempt", "Launches of the workers so far.", figures.attempt);
  Gauge(page, "strata_ranks_alive", "Ranks that have joined the attempt and are not lost.",
        figures.ranks);
}

void Counters(MetricsPage& page, const RunFigures& figures) {
  Counter(page, "strata_steps_total", "Steps computed by this process, those done again included.",
          figures.steps);
  Counter(page, "strata_steps_skipped_total", "Steps that no rank applied: not finite.",
          figures.skipped_steps);
  Counter(page, "strata_tokens_total", "Tokens computed by this process, padding left out.",
          figures.tokens);
  Add(page, "strata_steps_duration_seconds_total", "counter",
      "Wall time of the steps of this process.", figures.training_seconds);
  Counter(page, "strata_restarts_total", "Attempts that were lost.", figures.restarts);
  Counter(page, "strata_evaluations_total", "Evaluations of the held-out rows.",
          figures.evaluations);
  Counter(page, "strata_warnings_total", "Warnings of the run.", figures.warnings);
  Counter(page, "strata_checkpoints_total", "Checkpoints that counted.", figures.checkpoints);
}

void State(MetricsPage& page, const RunFigures& figures) {
  page.Family("strata_run_state", "gauge", "1 for the state that the run is in, 0 for the others.");
  for (const char* state : kRunStates) page.Sample(state == figures.state, {{"state", state}});
  Gauge(page, "strata_eval_loss", "Loss over the held-out rows at their last evaluation, in nats.",
        figures.eval_loss);
  Gauge(page, "strata_last_checkpoint_timestamp_seconds",
        "When the last checkpoint counted; its age is time() less this.", figures.checkpoint_time);
  if (figures.checkpoint_bytes > 0) {
    Gauge(page, "strata_last_checkpoint_size_bytes", "Bytes of the last checkpoint.",
          static_cast<double>(figures.checkpoint_bytes));
  }
  if (!figures.version) return;
  Gauge(page, "strata_version_committed", "Number of the version that the run committed.",
        figures.version->value());
  Gauge(page, "strata_version_parked", "1 when that version was not made current.", figures.parked);
  Gauge(page, "strata_commit_timestamp_seconds", "When it was committed.", figures.commit_time);
}

}  // namespace

void MetricsPage::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + Escaped(help, /*quotes=*/false) + "\n";
  text_ += "# TYPE " + name_ + " " + std::string(type) + "\n";
}

void MetricsPage::Sample(double value, const MetricLabels& more) {
  text_ += name_;
  char mark = '{';
  for (const MetricLabels* labels : {&labels_, &more}) {
    for (const auto& [label, text] : *labels) {
      text_ += mark + label + "=\"" + Escaped(text, /*quotes=*/true) + "\"";
      mark = ',';
    }
  }
  text_ += (mark == ',' ? "} " : " ") + NumberText(value) + "\n";
}

std::string MetricsText(const RunFigures& figures, const MetricLabels& labels) {
  MetricsPage page(labels);
  page.Family("strata_build_info", "gauge", "The strata that runs; always 1.");
  page.Sample(1, {{"revision", BuildRevision()}, {"compiler", BuildCompiler()}});
  State(page, figures);
  Progress(page, figures);
  LastStep(page, figures);
  Counters(page, figures);
  return page.text();
}

}  // namespace strata
