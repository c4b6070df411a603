// Goal: what is written is read back, the same bytes each time; a file that lies about itself is
// refused, never read beyond. Method: small matrices; headers written by hand.
#include "common/huggingface/safetensors.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/folder.h"

namespace strata {
namespace {

using testing::HasSubstr;

const float kValues[] = {1, 2, 3, 4, 5, -6.5};

std::string File(const std::string& header, const std::string& data) {
  uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

class SafetensorsTest : public testing::Test {
 protected:
  absl::StatusOr<SafetensorsFile> Open(const std::string& bytes) const {
    return SafetensorsFile::Open(folder_.Write("x.safetensors", bytes));
  }
  Folder folder_;
};

TEST_F(SafetensorsTest, ReadsBackWhatWasWritten) {
  const std::string bytes = SafetensorsBytes({{"b", 2, 3, kValues}, {"a", 1, 2, kValues}}).value();
  const SafetensorsFile file = Open(bytes).value();
  ASSERT_EQ(file.tensors().size(), 2u);
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(tensor.dtype, "F32");
    EXPECT_EQ(std::memcmp(tensor.data, kValues, tensor.bytes), 0);
    EXPECT_EQ(tensor.shape,
              tensor.name == "b" ? (std::vector<int64_t>{2, 3}) : (std::vector<int64_t>{1, 2}));
  }
}

TEST_F(SafetensorsTest, TheSameMatricesGiveTheSameBytesInAnyOrder) {
  const MatrixToWrite a{"a", 1, 2, kValues}, b{"b", 2, 3, kValues};
  EXPECT_EQ(SafetensorsBytes({a, b}).value(), SafetensorsBytes({b, a}).value());
}

TEST_F(SafetensorsTest, SaysToPytorchThatItIsForIt) {
  EXPECT_THAT(SafetensorsBytes({{"a", 1, 2, kValues}}).value(),
              HasSubstr(R"("__metadata__":{"format":"pt"})"));
}

TEST_F(SafetensorsTest, AFileWithoutTensorsIsRead) {
  EXPECT_TRUE(Open(SafetensorsBytes({}).value())->tensors().empty());
}

TEST_F(SafetensorsTest, HeadAndTensorsAreTheWholeFile) {
  const std::string bytes = SafetensorsBytes({{"b", 2, 3, kValues}, {"a", 1, 2, kValues}}).value();
  const SafetensorsFile file = Open(bytes).value();
  std::string whole(file.head());
  for (const TensorView& tensor : file.tensors())
    whole.append(static_cast<const char*>(tensor.data), tensor.bytes);
  EXPECT_EQ(whole, bytes);
  const std::string none = SafetensorsBytes({}).value();
  EXPECT_EQ(Open(none)->head(), none);
}

TEST_F(SafetensorsTest, WhatIsForgottenIsReadAgain) {
  const std::vector<float> values(1 << 16, 3.5f);
  const SafetensorsFile file =
      Open(SafetensorsBytes({{"a", 256, 256, values.data()}}).value()).value();
  const TensorView& tensor = file.tensors()[0];
  const auto* data = static_cast<const char*>(tensor.data);
  file.Forget(data, tensor.bytes);
  file.Forget(data + 1, 3);
  file.Forget(data + tensor.bytes, 0);
  EXPECT_EQ(std::memcmp(data, values.data(), tensor.bytes), 0);
}

TEST_F(SafetensorsTest, ViewsOutliveAMove) {
  SafetensorsFile file = Open(SafetensorsBytes({{"a", 2, 3, kValues}}).value()).value();
  const SafetensorsFile moved = std::move(file);
  EXPECT_EQ(std::memcmp(moved.tensors()[0].data, kValues, sizeof kValues), 0);
}

TEST_F(SafetensorsTest, FilesThatLieAreRefusedByName) {
  const std::string eight(8, '\0');
  const std::string lies[] = {
      "",
      "short",
      eight,
      std::string(8, '\xff'),
      File("{", eight),
      File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}})", eight),
      File(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", eight),
      File(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight),
      File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", eight),
      File(R"({"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", eight),
      File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
           R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
           eight),
      File(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4,2],"data_offsets":[0,8]}})",
           eight),
      // Found by tests/fuzz: a length that no signed number holds, beside one that makes it empty.
      File(R"({"a":{"dtype":"F32","shape":[18446744073709551615,0],"data_offsets":[0,0]}})", ""),
      File(R"({"a":{"dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]}})", ""),
  };
  for (const std::string& lie : lies) {
    const absl::Status status = Open(lie).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << lie;
    EXPECT_THAT(std::string(status.message()), HasSubstr("x.safetensors")) << lie;
  }
}

TEST_F(SafetensorsTest, ATruncatedFileIsRefusedAtEveryLength) {
  const std::string bytes = SafetensorsBytes({{"a", 2, 3, kValues}}).value();
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(Open(bytes.substr(0, length)).ok()) << length;
}

TEST_F(SafetensorsTest, AMissingFileIsNotFound) {
  EXPECT_EQ(SafetensorsFile::Open(folder_.path() / "none").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace strata
