// Goal: a JSON document of ours that is damaged or hostile is refused with words, never thrown on.
#include "common/json.h"

#include "gmock/gmock.h"

namespace strata {
namespace {

using testing::HasSubstr;

std::string Nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonTest, DepthIsBounded) {
  EXPECT_TRUE(ParseJson(Nested(64), "a file").ok());
  const auto deep = ParseJson(Nested(66), "a file");
  EXPECT_TRUE(absl::IsDataLoss(deep.status()));
  EXPECT_THAT(std::string(deep.status().message()), HasSubstr("nested deeper than 64"));
  EXPECT_TRUE(absl::IsDataLoss(ParseJson(Nested(100'000), "a file").status()));
}

std::string ObjectOf(int keys) {
  std::string text = "{";
  for (int i = 0; i < keys; ++i) text += "\"" + std::to_string(i) + "\":1,";
  text.back() = '}';
  return text;
}

// Found by reading for tests/fuzz: 65,536 keys took 38 s on a busy machine; they cost their square.
TEST(JsonTest, KeysOfAnObjectAreBounded) {
  EXPECT_TRUE(ParseJson(ObjectOf(15'000), "an index").ok());
  const auto many = ParseJson(ObjectOf(17'000), "an index");
  EXPECT_TRUE(absl::IsDataLoss(many.status()));
  EXPECT_EQ(many.status().message(), "an index has objects of too many keys (16000 in one)");
  const std::string nested = "[[" + ObjectOf(1'000'000) + "]]";
  EXPECT_TRUE(absl::IsDataLoss(ParseJson(nested, "an index").status()));
}

TEST(JsonTest, KeysOfManyObjectsAreBoundedByWhatTheyCost) {
  std::string small = "[", large = "[";
  for (int i = 0; i < 2'000; ++i) small += ObjectOf(60) + ",";
  for (int i = 0; i < 20; ++i) large += "{\"a\":" + ObjectOf(8'000) + "},";
  small.back() = large.back() = ']';
  EXPECT_TRUE(ParseJson(small, "a file").ok());
  EXPECT_TRUE(absl::IsDataLoss(ParseJson(large, "a file").status()));
}

TEST(JsonTest, MalformedTextIsDataLossWithItsName) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "nul", "{} {}", "\"\xff\""}) {
    const auto json = ParseJson(text, "ledger.jsonl:3");
    ASSERT_TRUE(absl::IsDataLoss(json.status())) << text;
    EXPECT_THAT(std::string(json.status().message()), HasSubstr("ledger.jsonl:3"));
  }
}

TEST(JsonTest, WhatIsNoNumberIsNamedByItsKey) {
  for (const char* value : {"1e400", "NaN", "-Infinity"}) {
    const std::string text = std::string(R"({"a": 1, "rope_theta": )") + value + R"(, "b": 2})";
    EXPECT_THAT(std::string(ParseJson(text, "config.json").status().message()),
                testing::AllOf(HasSubstr("config.json"), HasSubstr("key before it is rope_theta")))
        << value;
  }
}

TEST(JsonTest, KeysKeepTheirOrder) {
  const auto json = ParseJson(R"({"b":1,"a":2})", "x");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(DumpJson(*json), R"({"b":1,"a":2})");
}

TEST(JsonTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(DumpJson(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

TEST(JsonTest, MissingAndWrongFieldsAreNamed) {
  const Json json = {{"text", "a"}, {"number", 1.5}};
  EXPECT_EQ(JsonString(json, "name", "the report").status().message(), "the report has no name");
  EXPECT_EQ(JsonInteger(json, "number", "the report").status().message(),
            "number of the report is not a whole number");
  EXPECT_EQ(JsonNumber(json, "text", "the report").status().message(),
            "text of the report is not a number");
  EXPECT_TRUE(absl::IsDataLoss(JsonBool(json, "text", "it").status()));
  EXPECT_TRUE(absl::IsDataLoss(JsonNested(json, "text", "it").status()));
  EXPECT_EQ(JsonString(Json(3), "a", "it").status().message(), "it is not a JSON object");
}

TEST(JsonTest, AWholeNumberThatDoesNotFitIsRefused) {
  const auto json = ParseJson(
      R"({"largest": 9223372036854775807, "beyond": 9223372036854775808, "far": 1e30})", "x");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(JsonInteger(*json, "largest", "it").value(), INT64_MAX);
  EXPECT_TRUE(absl::IsDataLoss(JsonInteger(*json, "beyond", "it").status()));
  EXPECT_TRUE(absl::IsDataLoss(JsonInteger(*json, "far", "it").status()));
}

TEST(JsonTest, ANumberOf32BitsIsBounded) {
  const Json json = {{"largest", 4294967295u}, {"beyond", 4294967296u}, {"negative", -1}};
  EXPECT_EQ(JsonUint32(json, "largest", "it").value(), UINT32_MAX);
  EXPECT_TRUE(absl::IsDataLoss(JsonUint32(json, "negative", "it").status()));
  EXPECT_EQ(JsonUint32(json, "beyond", "it").status().message(),
            "beyond of it is not from 0 to 2^32 - 1");
}

}  // namespace
}  // namespace strata
