// Knows what a power loss would leave of a tree, and takes the rest away.
//
// Model: of a file stays what it held at its last fsync, of a folder the names that it had at its
// last fsync; every write, new name, rename and removal since then is gone. The program's own
// fsync(2) is watched (durable_disk.cc stands before the C library's), so that a call lost from the
// code is missed here. Not modelled: a disk that keeps some of what was not fsynced and loses the
// rest (crash_test.cc has the other end: it keeps all), torn blocks, and a disk that lies.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "common/posix_file.h"
#include "gtest/gtest.h"

namespace strata {

// What is durable of a tree; all of it is in the beginning.
class Disk {
 public:
  explicit Disk(std::filesystem::path root) : root_(std::move(root)) {
    std::filesystem::create_directories(root_);
    Sync(root_);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      if (!entry.is_symlink()) Sync(entry.path());
    }
    root_node_ = NodeOf(root_);
  }
  ~Disk() {
    for (const auto& [inode, node] : nodes_) close(node.held);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  void Sync(const std::filesystem::path& path) {
    Node& node = nodes_.at(NodeOf(path));
    if (!std::filesystem::is_directory(path)) {
      node.bytes = ReadFile(path, 1 << 20).value_or("");
      return;
    }
    node.folder = true;
    node.names.clear();
    node.links.clear();
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_symlink()) node.links[name] = std::filesystem::read_symlink(entry.path());
      if (!entry.is_symlink()) node.names[name] = NodeOf(entry.path());
    }
  }
  // Puts in the place of the tree what is durable of it.
  void LosePower() const {
    std::filesystem::remove_all(root_);
    Put(root_, nodes_.at(root_node_));
  }

 private:
  struct Node {
    int held = -1;  // keeps the inode, and so its number, for this file
    bool folder = false;
    std::string bytes;
    std::map<std::string, ino_t> names;
    std::map<std::string, std::filesystem::path> links;
  };

  ino_t NodeOf(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    Node& node = nodes_[status.st_ino];
    if (node.held < 0) {
      node.held = open(path.c_str(), O_PATH | O_CLOEXEC);
      node.folder = S_ISDIR(status.st_mode);
    }
    return status.st_ino;
  }
  void Put(const std::filesystem::path& path, const Node& node) const {
    if (!node.folder) {
      std::ofstream(path) << node.bytes;
      return;
    }
    std::filesystem::create_directory(path);
    for (const auto& [name, inode] : node.names) Put(path / name, nodes_.at(inode));
    for (const auto& [name, target] : node.links)
      std::filesystem::create_symlink(target, path / name);
  }

  const std::filesystem::path root_;
  ino_t root_node_ = 0;
  std::map<ino_t, Node> nodes_;
};

extern Disk* watching;  // the disk that fsync(2) reports to; null = none

// Fails at its Nth call and from then on.
class PowerCut : public FileSystem {
 public:
  explicit PowerCut(int nth) : left_(nth) {}
  bool struck() const { return left_ <= 0; }

 protected:
  absl::Status Before(std::string_view, const std::filesystem::path&) override {
    return --left_ > 0 ? absl::OkStatus() : absl::UnavailableError("the power is off");
  }

 private:
  int left_;
};

}  // namespace strata
