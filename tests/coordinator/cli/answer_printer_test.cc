// Goal: what a model says is shown, and moves nothing in a terminal. Method: what the printer
// writes to standard output.
#include "coordinator/cli/answer_printer.h"

#include "gtest/gtest.h"

namespace strata {
namespace {

std::string Printed(AnswerStyle style, const std::string& text) {
  const std::vector<std::string> prompts = {"¿Qué?"};
  AnswerPrinter printer(style, prompts);
  Generated answer;
  answer.text = text;
  testing::internal::CaptureStdout();
  printer.OnText(0, text);
  printer.OnEnd(0, answer);
  return testing::internal::GetCapturedStdout();
}

TEST(AnswerPrinterTest, LinesAndTabsOfAnAnswerStayInATerminal) {
  EXPECT_EQ(Printed(AnswerStyle::kStreamed, "El mito:\n\tuno\n\n"), "El mito:\n\tuno\n\n\n");
}

TEST(AnswerPrinterTest, ControlSignsOfAnAnswerReachNoTerminal) {
  EXPECT_EQ(Printed(AnswerStyle::kStreamed,
                    "a\x1b[2Jb\r\xC2\x9B"
                    "c\x7f"),
            "a?[2Jb??c?\n");
}

TEST(AnswerPrinterTest, AFileHasTheAnswerAsItIs) {
  EXPECT_EQ(Printed(AnswerStyle::kWhole, "a\x1b[2Jb"), "a\x1b[2Jb\n");
}

}  // namespace
}  // namespace strata
