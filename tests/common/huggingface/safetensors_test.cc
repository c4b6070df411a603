// Goal: what is written is read, by the format's own rules; a header that lies is refused before
// anything behind it is touched.
#include "common/huggingface/safetensors.h"

#include <cstring>

#include "gmock/gmock.h"
#include "tests/common/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string FileOf(uint64_t header_bytes, const std::string& header, const std::string& data) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &header_bytes, 8);
  return file + header + data;
}
std::string FileOf(const std::string& header, const std::string& data) {
  return FileOf(header.size(), header, data);
}

class SafetensorsTest : public testing::Test {
 protected:
  absl::StatusOr<SafetensorsFile> Open(const std::string& bytes) {
    return SafetensorsFile::Open(folder_.Write("model.safetensors", bytes));
  }
  TemporaryFolder folder_;
};

TEST_F(SafetensorsTest, WrittenMatricesAreReadBack) {
  const std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = {-0.5f};
  const auto bytes = SafetensorsBytes({{"z", 2, 3, a.data()}, {"a", 1, 1, b.data()}});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, *SafetensorsBytes({{"z", 2, 3, a.data()}, {"a", 1, 1, b.data()}}));
  EXPECT_THAT(*bytes, HasSubstr(R"("__metadata__":{"format":"pt"})"));
  const auto file = Open(*bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors().size(), 2u);
  for (const TensorView& tensor : file->tensors()) {
    const bool is_z = tensor.name == "z";
    EXPECT_EQ(tensor.dtype, "F32");
    EXPECT_THAT(tensor.shape, is_z ? ElementsAre(2, 3) : ElementsAre(1, 1));
    EXPECT_EQ(tensor.bytes, is_z ? 24u : 4u);
    EXPECT_EQ(std::memcmp(tensor.data, is_z ? a.data() : b.data(), tensor.bytes), 0);
  }
}

TEST_F(SafetensorsTest, SmallestFileIsRead) {
  const auto file =
      Open(FileOf(R"({"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})", "abcd"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors()[0].dtype, "BF16");
  EXPECT_EQ(std::memcmp(file->tensors()[0].data, "abcd", 4), 0);
}

TEST_F(SafetensorsTest, HeadersThatLieAreDataLoss) {
  const std::string good = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  const std::vector<std::pair<std::string, std::string>> lies = {
      {"empty", ""},
      {"seven bytes", "1234567"},
      {"header of 2^63 bytes", FileOf(1ull << 63, good, "abcd")},
      {"header of 2^64-1 bytes", FileOf(~0ull, good, "abcd")},
      {"header longer than the file", FileOf(good.size() + 100, good, "abcd")},
      {"no data", FileOf(good, "")},
      {"data cut short", FileOf(good, "abc")},
      {"data too long", FileOf(good, "abcdefgh")},
      {"not JSON", FileOf("{nonsense", "abcd")},
      {"hole", FileOf(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "abcdefgh")},
      {"overlap", FileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                         "abcdefghijkl")},
      {"backwards", FileOf(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "abcd")},
      {"shape too large",
       FileOf(R"({"w":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
              "abcd")},
      {"unknown kind", FileOf(R"({"w":{"dtype":"X7","shape":[1],"data_offsets":[0,4]}})", "abcd")},
      {"negative shape",
       FileOf(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "abcd")}};
  for (const auto& [name, bytes] : lies) {
    const auto file = Open(bytes);
    EXPECT_TRUE(absl::IsDataLoss(file.status())) << name << ": " << file.status();
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("model.safetensors")) << name;
  }
}

TEST_F(SafetensorsTest, MissingFileIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(SafetensorsFile::Open(folder_.path() / "none").status()));
}

}  // namespace
}  // namespace strata
