// Goal: a reader that resolves `current` once has one whole version while it rotates under it; what
// a reader by path gets is measured. Method: processes of their own read while this one rotates: by
// the very call that the store makes (STRATA_ROTATIONS of them, 3000 unless set), and by commits.
#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <functional>

#include "common/json.h"
#include "tests/coordinator/store/trained_branch.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr int kReaders = 2;

// What one reader has seen; it comes back over a pipe.
struct Seen {
  uint64_t reads = 0;
  uint64_t broken = 0;  // a file that was not whole
  uint64_t mixed = 0;   // two files of two versions
  uint64_t gone = 0;    // a file that was not there
};

volatile sig_atomic_t ends = 0;

class RotatingReadersTest : public TrainedBranch {
 protected:
  // Its two files tell the version: the manifest names it, and each value of the adapter is it.
  static void ReadFrom(const fs::path& manifest, const fs::path& adapter, Seen* seen) {
    ++seen->reads;
    const absl::StatusOr<std::string> text = ReadFile(manifest, 1 << 20);
    const absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(adapter);
    if (absl::IsNotFound(text.status()) || absl::IsNotFound(file.status())) {
      ++seen->gone;
      return;
    }
    const absl::StatusOr<Json> json =
        text.ok() ? ParseJson(*text, "the manifest") : absl::StatusOr<Json>(text.status());
    const absl::StatusOr<int64_t> version =
        json.ok() ? JsonInteger(*json, "version", "it") : absl::StatusOr<int64_t>(json.status());
    if (!version.ok() || !file.ok() || file->tensors().size() != 2) {
      ++seen->broken;
      return;
    }
    const auto* first = static_cast<const float*>(file->tensors()[0].data);
    for (const TensorView& tensor : file->tensors()) {
      const auto* values = static_cast<const float*>(tensor.data);
      for (size_t i = 0; i < tensor.bytes / sizeof(float); ++i) seen->broken += values[i] != *first;
    }
    seen->mixed += static_cast<float>(*version) != *first;
  }
  void ResolveAndRead(Seen* seen) const {
    std::error_code error;
    const fs::path folder = fs::canonical(adapters_ / "current", error);
    ReadFrom(folder / "manifest.json", folder / "adapter_model.safetensors", seen);
  }
  void ReadByPath(Seen* seen) const {
    const fs::path folder = adapters_ / "current";
    ReadFrom(folder / "manifest.json", folder / "adapter_model.safetensors", seen);
  }
  // The sum of what the readers saw from before `rotate` began until it was done.
  Seen ReadWhile(const std::function<void(Seen*)>& read,
                 const std::function<void()>& rotate) const {
    int begun[2], told[2];
    EXPECT_EQ(pipe(begun) + pipe(told), 0);
    std::vector<pid_t> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.push_back(fork());
      if (readers.back() != 0) continue;
      signal(SIGTERM, [](int) { ends = 1; });
      Seen seen;
      read(&seen);
      EXPECT_EQ(write(begun[1], "b", 1), 1);
      while (ends == 0) read(&seen);
      _exit(write(told[1], &seen, sizeof seen) == sizeof seen ? 0 : 1);
    }
    char byte = 0;
    for (int i = 0; i < kReaders; ++i) EXPECT_EQ(::read(begun[0], &byte, 1), 1);
    rotate();
    Seen sum;
    for (const pid_t reader : readers) kill(reader, SIGTERM);
    for (const pid_t reader : readers) {
      Seen seen;
      EXPECT_EQ(::read(told[0], &seen, sizeof seen), static_cast<ssize_t>(sizeof seen));
      waitpid(reader, nullptr, 0);
      sum.reads += seen.reads;
      sum.broken += seen.broken;
      sum.mixed += seen.mixed;
      sum.gone += seen.gone;
    }
    for (const int end : {begun[0], begun[1], told[0], told[1]}) close(end);
    return sum;
  }
  static uint64_t Rotations() {
    const char* asked = std::getenv("STRATA_ROTATIONS");
    return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 3000;
  }
  void RotateLinks() const {
    for (uint64_t i = 0; i < Rotations(); ++i) {
      const std::string version = i % 2 == 0 ? "versions/v0001" : "versions/v0002";
      const absl::Status turned =
          FileSystem::Real()->ReplaceSymlink(adapters_ / "current", version);
      ASSERT_TRUE(turned.ok()) << turned;
    }
  }
  static void Tell(const char* who, const Seen& seen) {
    std::printf("%s: %llu reads while current rotated, %llu of two versions, %llu gone\n", who,
                static_cast<unsigned long long>(seen.reads),
                static_cast<unsigned long long>(seen.mixed),
                static_cast<unsigned long long>(seen.gone));
  }
};

TEST_F(RotatingReadersTest, WhoResolvesOnceHasOneWholeVersion) {
  CommitRuns(2);
  const Seen seen =
      ReadWhile([this](Seen* seen) { ResolveAndRead(seen); }, [this] { RotateLinks(); });
  Tell("resolved once", seen);
  EXPECT_GT(seen.reads, 2 * kReaders);
  EXPECT_EQ(seen.broken, 0u);
  EXPECT_EQ(seen.mixed, 0u);
  EXPECT_EQ(seen.gone, 0u);
}

// Every file is whole all the same; that two of them may be of two versions is measured here and
// told in README.md.
TEST_F(RotatingReadersTest, WhoOpensByPathHasWholeFiles) {
  CommitRuns(2);
  const Seen seen = ReadWhile([this](Seen* seen) { ReadByPath(seen); }, [this] { RotateLinks(); });
  Tell("by path", seen);
  EXPECT_GT(seen.reads, 2 * kReaders);
  EXPECT_EQ(seen.broken, 0u);
  EXPECT_EQ(seen.gone, 0u);
}

// Two commits after it was resolved, a version may be pruned: it is gone then, never half of it.
TEST_F(RotatingReadersTest, CommitsTakeNoFileFromUnderAReader) {
  CommitRuns(2, 1);
  const Seen seen = ReadWhile([this](Seen* seen) { ResolveAndRead(seen); },
                              [this] {
                                BranchStore store = Open();
                                for (uint32_t run = 3; run <= 40; ++run) {
                                  Candidate candidate = CandidateOf(run, store.current());
                                  candidate.keep_backups = 1;
                                  ASSERT_TRUE(store.Commit(candidate).ok());
                                }
                              });
  Tell("under commits", seen);
  EXPECT_EQ(seen.broken, 0u);
  EXPECT_EQ(seen.mixed, 0u);
  EXPECT_LE(10 * seen.gone, seen.reads + 10);
}

}  // namespace
}  // namespace strata
