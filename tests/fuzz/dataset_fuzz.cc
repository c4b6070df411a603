// Goal: no file of training/ or evaluation/ does harm, and what the catalog says of a line is true
// when the tokeniser comes for it. Method: the input as a dataset and as expert questions; every
// good line is read again by its place.
#include "coordinator/catalog/catalog.h"
#include "coordinator/catalog/example.h"
#include "coordinator/catalog/line_reader.h"
#include "coordinator/quality/expert_questions.h"
#include "tests/fuzz/fuzz_folder.h"

namespace strata {
namespace {

constexpr uint64_t kShortLine = 60;  // bytes, so that small inputs have lines that are too long

void CheckPlaces(const Dataset& dataset, std::string_view input) {
  static ExampleReader reader;
  Example example;
  uint64_t end = 0;
  for (const ExampleEntry& entry : dataset.examples) {
    Expect(entry.offset >= end && entry.offset + entry.bytes <= input.size(),
           "good lines lie within the file, one behind the other");
    end = entry.offset + entry.bytes;
    Expect(reader.Read(input.substr(entry.offset, entry.bytes), &example).ok(),
           "a good line is good again");
    Expect(ContentDigest(example) == entry.content && PromptDigest(example) == entry.prompt,
           "a good line has the digests of the catalog");
    Expect(example.is_text() || example.messages.back().role == "assistant",
           "a conversation ends with the assistant");
  }
}

void CheckLines(const std::filesystem::path& file, std::string_view input) {
  auto lines = LineReader::Open(file, kShortLine);
  Expect(lines.ok(), "the file can be opened");
  uint64_t number = 0;
  for (Line line;;) {
    const auto more = (*lines)->Next(&line);
    Expect(more.ok(), "the file can be read");
    if (!*more) break;
    Expect(line.number == ++number, "lines are counted");
    Expect(line.text.size() <= kShortLine && line.offset <= input.size(), "a line has its bounds");
    Expect(line.too_long || input.substr(line.offset, line.text.size()) == line.text,
           "a line is where it is said to be");
  }
  Expect((*lines)->bytes() == input.size(), "every byte is read");
  Expect((*lines)->Finish() == Sha256Of(input), "every byte is hashed");
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata;
  const std::string_view input = InputOf(data, size);
  const std::filesystem::path file = TheFolder().Write("a.jsonl", input);
  static const Config config;
  const auto dataset = ReadDataset(config, file);
  Expect(dataset.ok(), "bad lines are counted, they are no error");
  Expect(dataset->bad_lines.size() <= kBadLinesKept, "few bad lines are kept");
  CheckPlaces(*dataset, input);
  CheckLines(file, input);
  const auto questions = ReadExpertQuestions(file);
  if (questions.ok()) Expect(!LevelsOf(*questions).empty(), "every question has a level");
  return 0;
}
