#include "coordinator/cli/stage_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/cli/text_width.h"

namespace strata {
namespace {

constexpr int kColumnsMin = 40, kColumnsMax = 120;
constexpr size_t kBarMin = 8, kBarMax = 36, kSparkMin = 8, kSparkMax = 24, kIndent = 7;
constexpr size_t kNameColumns = 24;    // that a name keeps before figures are left out
constexpr double kLossPlainMax = 1e5;  // losses from there on are shown by their magnitude
constexpr Style kTierStyles[] = {Style::kMagenta, Style::kBlue, Style::kCyan};

size_t RoomOf(const Terminal& terminal) {
  return static_cast<size_t>(std::clamp(terminal.columns, kColumnsMin, kColumnsMax) - 1);
}

std::string LossText(double loss) {
  if (!std::isfinite(loss)) return "loss -";
  return std::abs(loss) < kLossPlainMax ? absl::StrFormat("loss %.4f", loss)
                                        : absl::StrFormat("loss %.3g", loss);
}

// Beside the loss; "" where nothing is held out.
std::string HeldOutText(const StageView& view) {
  return std::isfinite(view.held_out_loss) ? absl::StrFormat("  held out %.4f", view.held_out_loss)
                                           : "";
}

std::string NumberText(const StageView& view) {
  return PadLeft(absl::StrCat(view.number, "/", view.count), kIndent - 2) + " ";
}

std::string Bar(const StageView& view, size_t columns, const Terminal& terminal) {
  const double share = view.total > 0 ? static_cast<double>(view.done) / view.total : 0;
  const size_t halves = static_cast<size_t>(share * 2 * static_cast<double>(columns));
  const size_t full = std::min(halves / 2, columns);
  const bool has_half = terminal.utf8 && halves % 2 == 1 && full < columns;
  std::string filled, open;
  for (size_t i = 0; i < full; ++i) filled += terminal.Mark("━", "#");
  if (has_half) filled += "╸";
  for (size_t i = full + (has_half ? 1 : 0); i < columns; ++i) open += terminal.Mark("─", "-");
  return terminal.Styled(view.tier_style, filled) + terminal.Styled(Style::kDim, open);
}

// The dataset's name in what is left of the line beside `used` columns.
std::string NameText(const StageView& view, size_t used, const Terminal& terminal) {
  const size_t room = RoomOf(terminal);
  return Shortened(Printable(view.dataset), room > used ? room - used : 0,
                   terminal.Mark("…", ".."));
}

// With the gap that follows it.
std::string TierText(const StageView& view, const Terminal& terminal) {
  const size_t columns = std::min<size_t>(view.tier_columns, 16);
  if (columns == 0) return "";
  const std::string tier =
      Shortened(Printable(view.tier.empty() ? "-" : view.tier), columns, terminal.Mark("…", ".."));
  return terminal.Styled(view.tier_style, tier) +
         std::string(columns - std::min(columns, DisplayWidth(tier)) + 2, ' ');
}

size_t TierRoom(const StageView& view) {
  return view.tier_columns == 0 ? 0 : std::min<size_t>(view.tier_columns, 16) + 2;
}

std::string EarlyText(const StageView& view) {
  return view.stopped_early ? absl::StrCat("  stopped at ", view.done, "/", view.total) : "";
}

std::string HeadLine(const StageView& view, const Terminal& terminal) {
  const std::string epoch = absl::StrFormat("  epoch %d/%d", view.epoch, view.epochs);
  const std::string left =
      view.count > view.number
          ? absl::StrCat("  run ", DurationText(view.run_seconds_left), " left")
          : "";
  const std::string name =
      NameText(view, kIndent + TierRoom(view) + DisplayWidth(epoch + left), terminal);
  return terminal.Styled(view.tier_style, terminal.Mark("▸", ">")) +
         terminal.Styled(Style::kBold, NumberText(view)) + TierText(view, terminal) + name +
         terminal.Styled(Style::kDim, epoch + left);
}

std::string BarLine(const StageView& view, const Terminal& terminal) {
  const std::string percent = absl::StrFormat(
      " %3d%%  ", view.total > 0 ? static_cast<int>(100ULL * view.done / view.total) : 0);
  const std::string loss = LossText(view.loss) + HeldOutText(view);
  const std::string eta = absl::StrCat("  ", DurationText(view.stage_seconds_left), " left");
  const std::string rate = absl::StrFormat("  %.0f tokens/s", view.tokens_per_second);
  const size_t used = kIndent + kBarMin + DisplayWidth(percent + loss);
  size_t room = RoomOf(terminal) > used ? RoomOf(terminal) - used : 0;
  const auto fits = [&room](size_t columns) {
    if (columns > room) return false;
    room -= columns;
    return true;
  };
  const bool has_eta = fits(DisplayWidth(eta)), has_rate = fits(DisplayWidth(rate));
  std::string spark;
  if (terminal.utf8 && room >= kSparkMin + 1) {
    const size_t columns = std::min({(room - 1) / 2 + kSparkMin / 2, room - 1, kSparkMax});
    spark = " " + PadRight(Sparkline(view.losses, columns, terminal), columns);
    room -= columns + 1;
  }
  const std::string bar = Bar(view, std::min(kBarMin + room, kBarMax), terminal);
  return std::string(kIndent, ' ') + bar + percent + terminal.Styled(Style::kBold, loss) +
         terminal.Styled(view.tier_style, spark) + (has_rate ? rate : "") + (has_eta ? eta : "");
}

}  // namespace

std::map<std::string, Style> TierStyles(const std::vector<std::string>& tiers) {
  std::map<std::string, Style> styles;
  size_t met = 0;
  for (const std::string& tier : tiers) {
    if (tier.empty() || styles.count(tier) > 0) continue;
    styles[tier] = kTierStyles[met++ % std::size(kTierStyles)];
  }
  return styles;
}

std::vector<std::string> StageLines(const StageView& view, const Terminal& terminal) {
  return {HeadLine(view, terminal), BarLine(view, terminal)};
}

std::string StageEndLine(const StageView& view, const Terminal& terminal) {
  const bool whole = view.done >= view.total || view.stopped_early;
  const std::string mark = whole ? terminal.Styled(Style::kGreen, terminal.Mark("✓", "+"))
                                 : terminal.Styled(Style::kYellow, "!");
  std::string end = whole
                        ? absl::StrCat(EarlyText(view), "  ", LossText(view.loss),
                                       HeldOutText(view), PadLeft(DurationText(view.seconds), 11))
                        : absl::StrCat("  ended after ", view.done, " of ", view.total, " updates");
  const std::string examples = PadLeft(absl::StrCat(view.examples, " x ", view.epochs), 11);
  const size_t head = kIndent + TierRoom(view), room = RoomOf(terminal);
  const bool tells_examples =
      whole && room >= head + kNameColumns + DisplayWidth(examples) + DisplayWidth(end);
  if (tells_examples) end = examples + end;
  const size_t used = head + DisplayWidth(end);
  return mark + NumberText(view) + TierText(view, terminal) +
         PadRight(NameText(view, used, terminal), room > used ? room - used : 0) +
         (whole ? end : terminal.Styled(Style::kYellow, end));
}

std::string DurationText(double seconds) {
  const auto whole =
      static_cast<uint64_t>(std::isfinite(seconds) ? std::max(0.0, seconds + 0.5) : 0);
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3600) return absl::StrFormat("%d m %02d s", whole / 60, whole % 60);
  return absl::StrFormat("%d h %02d m", whole / 3600, whole / 60 % 60);
}

std::string Sparkline(const std::vector<double>& losses, size_t columns, const Terminal& terminal) {
  static constexpr const char* kLevels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (!terminal.utf8 || losses.empty() || columns == 0) return "";
  const size_t shown = std::min(columns, losses.size());
  const auto begin = losses.end() - static_cast<std::ptrdiff_t>(shown);
  const auto [least, greatest] = std::minmax_element(begin, losses.end());
  const double range = *greatest - *least;
  std::string line;
  for (auto loss = begin; loss != losses.end(); ++loss) {
    const double share = range > 0 ? (*loss - *least) / range : 0;
    line += kLevels[std::min<size_t>(7, static_cast<size_t>(share * 8))];
  }
  return line;
}

}  // namespace strata
