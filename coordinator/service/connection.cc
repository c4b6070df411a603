#include "coordinator/service/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace strata {
namespace {

// 0 when nothing is open there.
uint64_t InodeOf(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

}  // namespace

Connection::Connection(int descriptor, std::string peer, std::string host)
    : descriptor_(descriptor),
      inode_(InodeOf(descriptor)),
      peer_(std::move(peer)),
      host_(std::move(host)) {}

Connection::~Connection() { Close(); }

Connection::Connection(Connection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(other.owned_),
      inode_(other.inode_),
      peer_(std::move(other.peer_)),
      host_(std::move(other.host_)),
      since_(other.since_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  Close();
  descriptor_ = std::exchange(other.descriptor_, -1);
  owned_ = other.owned_;
  inode_ = other.inode_;
  peer_ = std::move(other.peer_);
  host_ = std::move(other.host_);
  since_ = other.since_;
  return *this;
}

void Connection::Close() {
  if (owned_ && descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

Connection::Said Connection::Heard() const {
  char byte = 0;
  const ssize_t heard = recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (heard > 0) return Said::kSomething;
  const bool later = heard < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return later ? Said::kNothing : Said::kGone;
}

int Connection::HandOver() {
  owned_ = false;
  return descriptor_;
}

bool Connection::IsOpen() const { return inode_ != 0 && InodeOf(descriptor_) == inode_; }

void Connection::CutOff() const {
  // A copy for as long as this takes: what was looked at is what is shut down.
  const int copy = fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    // Out of descriptors. Nobody but the caller makes sockets here, so the number can't have become
    // another connection's since.
    if (IsOpen()) shutdown(descriptor_, SHUT_RDWR);
    return;
  }
  if (InodeOf(copy) == inode_) shutdown(copy, SHUT_RDWR);
  close(copy);
}

}  // namespace strata
