// Goal: every shape of line met in the wild is read, and every broken one is refused with a reason
// a person can act on.
#include "coordinator/catalog/example.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

class ExampleTest : public testing::Test {
 protected:
  // "role|content" of each message with line breaks between, or "text|…".
  std::string Read(std::string_view line) {
    Example example;
    const absl::Status status = reader_.Read(line, &example);
    if (!status.ok()) return "refused: " + std::string(status.message());
    if (example.is_text()) return "text|" + example.text;
    std::string read;
    for (const Message& message : example.messages) {
      read += (read.empty() ? "" : "\n") + message.role + "|" + message.content;
    }
    return read;
  }
  std::string Refusal(std::string_view line) {
    Example example;
    const absl::Status status = reader_.Read(line, &example);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << line;
    return std::string(status.message());
  }

  ExampleReader reader_;
};

TEST_F(ExampleTest, EveryShapeIsRead) {
  EXPECT_EQ(Read(R"({"instruction": "¿Qué?", "output": "Esto.\n"})"),
            "user|¿Qué?\nassistant|Esto.\n");
  EXPECT_EQ(Read(R"({"prompt": "p", "completion": " c"})"), "user|p\nassistant| c");
  EXPECT_EQ(Read(R"({"question": "q", "answer": "a"})"), "user|q\nassistant|a");
  EXPECT_EQ(Read(R"({"text": "todo"})"), "text|todo");
  EXPECT_EQ(
      Read(R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
                     {"role": "assistant", "content": "a"}, {"role": "user", "content": "v"},
                     {"role": "assistant", "content": "b"}]})"),
      "system|s\nuser|u\nassistant|a\nuser|v\nassistant|b");
}

TEST_F(ExampleTest, APromptAndItsCompletionMayBeMessages) {
  EXPECT_EQ(
      Read(R"({"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
                                {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
                     "completion": [{"role": "assistant", "content": "d"}]})"),
      "system|s\nuser|a\nassistant|b\nuser|c\nassistant|d");
}

constexpr char kUser[] = R"([{"role": "user", "content": "a"}])";
constexpr char kAnswer[] = R"([{"role": "assistant", "content": "b"}])";

std::string Pair(const std::string& prompt, const std::string& completion) {
  return R"({"prompt": )" + prompt + R"(, "completion": )" + completion + "}";
}

TEST_F(ExampleTest, WhereThePromptEndsIsKnown) {
  const auto prompt_of = [](const std::string& line) {
    ExampleReader reader;
    Example example;
    EXPECT_TRUE(reader.Read(line, &example).ok()) << line;
    return example.prompt_messages;
  };
  EXPECT_EQ(prompt_of(Pair(kUser, kAnswer)), 1u);
  EXPECT_EQ(prompt_of(R"({"instruction": "a", "output": "b"})"), 1u);
  EXPECT_EQ(prompt_of(R"({"messages": [{"role": "user", "content": "a"},
                                       {"role": "assistant", "content": "b"}]})"),
            0u);
  EXPECT_EQ(prompt_of(R"({"text": "a"})"), 0u);
}

TEST_F(ExampleTest, MessagesOfAPromptAreHeldToTheSameRules) {
  EXPECT_EQ(Refusal(Pair(kUser, kUser)),
            "completion[0] is of the user where the assistant must speak");
  EXPECT_EQ(Refusal(Pair(kUser, R"([{"role": "system", "content": "s"}])")),
            "completion[0] is of the system, which may only come first");
  EXPECT_EQ(Refusal(Pair(kAnswer, kAnswer)),
            "prompt[0] is of the assistant where the user must speak");
  EXPECT_EQ(Refusal(Pair("[]", kAnswer)), "prompt is empty");
  EXPECT_EQ(Refusal(Pair(kUser, "[]")), "completion is empty");
  EXPECT_EQ(Refusal(Pair(kUser, R"("b")")), "prompt is a list, not a text");
  EXPECT_EQ(Refusal(Pair(R"("a")", kAnswer)), "completion is a list, not a text");
}

TEST_F(ExampleTest, InputFollowsTheInstructionAfterAnEmptyLine) {
  EXPECT_EQ(Read(R"({"instruction": "Resume", "input": "un texto", "output": "o"})"),
            "user|Resume\n\nun texto\nassistant|o");
  EXPECT_EQ(Read(R"({"instruction": "i", "input": " ", "output": "o"})"), "user|i\nassistant|o");
  EXPECT_EQ(Read(R"({"instruction": "i", "input": null, "output": "o"})"), "user|i\nassistant|o");
}

TEST_F(ExampleTest, OtherKeysAreIgnored) {
  EXPECT_EQ(
      Read(
          R"({"id": 7, "output": "o", "quality_score": 0.9, "tags": [{"a": {}}], "instruction": "i"})"),
      "user|i\nassistant|o");
  EXPECT_EQ(
      Read(
          R"({"messages": [{"role": "system", "content": "  "}, {"name": "x", "role": "user", "content": "u"},
                     {"role": "assistant", "content": "a", "weight": 1}]})"),
      "user|u\nassistant|a");
}

TEST_F(ExampleTest, WhatATemplateWouldWriteBesideTheContentIsRefused) {
  const std::string user = R"({"role": "user", "content": "u"})";
  const auto with = [&](const std::string& of_line, const std::string& of_message) {
    return R"({"messages": [)" + user + R"(, {"role": "assistant", "content": "a")" + of_message +
           "}]" + of_line + "}";
  };
  EXPECT_THAT(Refusal(with("", R"(, "tool_calls": [{"function": {}}])")),
              HasSubstr("messages[1]: has tool_calls"));
  EXPECT_THAT(Refusal(with("", R"(, "reasoning_content": "hm")")), HasSubstr("reasoning_content"));
  EXPECT_THAT(Refusal(with(R"(, "tools": [{}])", "")), HasSubstr("has tools"));
  EXPECT_EQ(Read(with(R"(, "tools": null)", R"(, "tool_calls": [], "reasoning_content": "")")),
            "user|u\nassistant|a");
}

TEST_F(ExampleTest, OfSeveralShapesTheFirstThatIsWholeIsTaken) {
  EXPECT_EQ(Read(R"({"text": "t", "question": "q", "answer": "a"})"), "user|q\nassistant|a");
  EXPECT_EQ(Read(R"({"prompt": "p", "completion": "c", "output": "o", "instruction": "i"})"),
            "user|i\nassistant|o");
  EXPECT_EQ(Read(R"({"prompt": "p", "text": "t"})"), "text|t");
  EXPECT_EQ(Read(R"({"messages": null, "text": "t"})"), "text|t");
  EXPECT_THAT(Refusal(R"({"messages": [], "text": "t"})"), HasSubstr("messages is empty"));
}

TEST_F(ExampleTest, AMissingKeyIsNamed) {
  EXPECT_EQ(Refusal(R"({"instruction": "i"})"), "has instruction but no output");
  EXPECT_EQ(Refusal(R"({"completion": "c"})"), "has completion but no prompt");
  EXPECT_EQ(Refusal(R"({"instruction": "i", "output": null})"), "has instruction but no output");
  EXPECT_EQ(Refusal("{}"), "has none of messages, instruction, prompt, question and text");
  EXPECT_EQ(Refusal(R"({"Instruction": "i", "Output": "o"})"),
            "has none of messages, instruction, prompt, question and text");
}

TEST_F(ExampleTest, AnotherTypeIsNamed) {
  EXPECT_EQ(Refusal(R"({"instruction": "i", "output": 3})"), "output is a number, not a text");
  EXPECT_EQ(Refusal(R"({"instruction": ["i"], "output": "o"})"),
            "instruction is a list, not a text");
  EXPECT_EQ(Refusal(R"({"instruction": "i", "input": {}, "output": "o"})"),
            "input is an object, not a text");
  EXPECT_EQ(Refusal(R"({"text": true})"), "text is true or false, not a text");
  EXPECT_EQ(Refusal(R"({"messages": "hola"})"), "messages is a text, not a list");
  EXPECT_EQ(Refusal(R"({"messages": ["hola"]})"), "messages[0] is a text, not an object");
  for (const char* line : {"[]", "3", "\"x\"", "null", "true"}) {
    EXPECT_THAT(Refusal(line), HasSubstr("not an object { … }")) << line;
  }
}

TEST_F(ExampleTest, BlankQuestionsAndAnswersAreRefused) {
  EXPECT_EQ(Refusal(R"({"instruction": "i", "output": ""})"), "output is empty");
  EXPECT_EQ(Refusal(R"({"instruction": "i", "output": " \n\t\u00a0"})"), "output is empty");
  EXPECT_EQ(Refusal(R"({"prompt": "", "completion": "c"})"), "prompt is empty");
  EXPECT_EQ(Refusal(R"({"text": " "})"), "text is empty");
  EXPECT_EQ(Refusal(R"({"messages": [{"role": "user", "content": ""}]})"),
            "messages[0]: content is empty");
}

TEST_F(ExampleTest, ConversationsOutOfTurnAreRefused) {
  const auto refusal = [this](const std::string& roles) {
    std::string line;
    for (const char role : roles) {
      const std::string name = role == 'u'   ? "user"
                               : role == 'a' ? "assistant"
                               : role == 's' ? "system"
                                             : "tool";
      line += (line.empty() ? "" : ",") + ("{\"role\":\"" + name) + "\",\"content\":\"x\"}";
    }
    return Refusal("{\"messages\":[" + line + "]}");
  };
  EXPECT_EQ(refusal("u"), "messages does not end with the assistant's answer");
  EXPECT_EQ(refusal("uau"), "messages does not end with the assistant's answer");
  EXPECT_EQ(refusal("s"), "messages does not end with the assistant's answer");
  EXPECT_EQ(refusal("a"), "messages[0] is of the assistant where the user must speak");
  EXPECT_EQ(refusal("sa"), "messages[1] is of the assistant where the user must speak");
  EXPECT_EQ(refusal("uu"), "messages[1] is of the user where the assistant must speak");
  EXPECT_EQ(refusal("usa"), "messages[1] is of the system, which may only come first");
  EXPECT_EQ(refusal("uta"), "messages[1] has a role that is not system, user or assistant: tool");
  EXPECT_EQ(Refusal(R"({"messages": [{"role": "user"}]})"), "messages[0] has no content");
  EXPECT_EQ(Refusal(R"({"messages": [{"from": "human", "value": "x"}]})"),
            "messages[0] has no role");
  EXPECT_EQ(Refusal(R"({"messages": [{"role": "user", "content": [1]}]})"),
            "messages[0]: content is a list, not a text");
}

TEST_F(ExampleTest, AKeyThatComesTwiceIsRefused) {
  EXPECT_EQ(Refusal(R"({"text": "a", "text": "b"})"), "a key comes twice: text");
  EXPECT_EQ(Refusal(R"({"text": "a", "t\u0065xt": "b"})"), "a key comes twice: text");
  EXPECT_EQ(Refusal(R"({"id": 1, "text": "a", "id": 2})"), "a key comes twice: id");
  EXPECT_EQ(Refusal(R"({"messages": [{"role": "user", "role": "user", "content": "x"}]})"),
            "messages[0]: a key comes twice: role");
}

TEST_F(ExampleTest, BytesThatAreNotTextAreRefused) {
  using namespace std::string_view_literals;
  EXPECT_EQ(Refusal("{\"text\": \"a\0b\"}"sv), "has a NUL byte");
  EXPECT_EQ(Refusal("\0\0\0"sv), "has a NUL byte");
  EXPECT_EQ(Refusal(R"({"text": "a\u0000b"})"), "text has a NUL character");
  EXPECT_EQ(Refusal("{\"text\": \"\xFF\"}"), "not UTF-8");
  EXPECT_EQ(Refusal("{\"text\": \"\xC3\"}"), "not UTF-8");
  EXPECT_EQ(Refusal("{\"text\": \"caf\xE9 con leche\"}"), "not UTF-8");
  EXPECT_THAT(Refusal(R"({"text": "\ud800"})"), HasSubstr("bad escape"));
  EXPECT_FALSE(Refusal(R"({"text": "\udc00 x"})").empty());
  EXPECT_THAT(Refusal("{\"text\": \"a\tb\"}"), HasSubstr("not escaped"));
  EXPECT_THAT(Refusal("\xEF\xBB\xBF{\"text\": \"a\"}"), HasSubstr("byte order mark"));
}

TEST_F(ExampleTest, ACutLineIsRefusedWhereverItIsCut) {
  const std::string line =
      R"({"instruction": "¿Qué \"es\"?", "n": [1.5, true], "output": "Esto\u00f1."})";
  ASSERT_EQ(Read(line).substr(0, 5), "user|");
  for (size_t bytes = 1; bytes < line.size(); ++bytes)
    EXPECT_FALSE(Refusal(line.substr(0, bytes)).empty()) << bytes;
  EXPECT_THAT(Refusal(line.substr(0, line.size() - 1)), HasSubstr("may be cut"));
  EXPECT_THAT(Refusal(line.substr(0, 20)), HasSubstr("may be cut"));
}

TEST_F(ExampleTest, OtherThingsThatAreNotJsonAreRefused) {
  for (const char* line :
       {"{'text': 'a'}", "{\"text\": NaN}", "{\"text\": \"a\",}", "{\"text\": \"a\"} {}", "hola",
        "{\"a\" 1}", "{\"text\": \"a\", \"n\": 01}", "{\"text\": \"\\x\"}", "}",
        "{\"text\": \"a\"}}"}) {
    EXPECT_THAT(Refusal(line), HasSubstr("not JSON")) << line;
  }
  EXPECT_THAT(Refusal(R"({"text": "a", "n": 123456789012345678901234567890})"),
              HasSubstr("64 bits"));
}

TEST_F(ExampleTest, DepthIsBounded) {
  const auto nested = [](size_t depth) {
    return "{\"text\": \"a\", \"x\": " + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(Read(nested(50)), "text|a");
  EXPECT_EQ(Refusal(nested(65)), "nested deeper than 64");
  EXPECT_EQ(Refusal(nested(100000)), "nested deeper than 64");
  EXPECT_THAT(Refusal(std::string(100000, '[')), HasSubstr("may be cut"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_THAT(Refusal(objects), HasSubstr("may be cut"));
  EXPECT_EQ(Refusal(objects + "0" + std::string(100000, '}')), "nested deeper than 64");
}

TEST_F(ExampleTest, AReaderIsAsGoodAfterABadLineAndALongOne) {
  const std::string word(3 << 20, 'x');
  EXPECT_EQ(Read("{\"text\": \"" + word + "\"}"), "text|" + word);
  Refusal("{\"text\": \"");
  EXPECT_EQ(Read(R"({"text": "corto"})"), "text|corto");
  EXPECT_EQ(Read(R"({"prompt": "p", "completion": "c"})"), "user|p\nassistant|c");
  EXPECT_EQ(Read("  {\"text\": \"a\"} \t"), "text|a");
}

TEST_F(ExampleTest, AHundredThousandKeysAreReadInTime) {
  std::string line = "{\"text\": \"a\"";
  for (int i = 0; i < 100000; ++i) line += ", \"k" + std::to_string(i) + "\": 0";
  EXPECT_EQ(Read(line + "}"), "text|a");
  EXPECT_EQ(Refusal(line + ", \"k5\": 1}"), "a key comes twice: k5");
}

}  // namespace
}  // namespace strata
