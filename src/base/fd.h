// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <unistd.h>

#include <utility>
#include <vector>

namespace tlspool {

/// Owns one file descriptor; -1 is none. A plain `int fd` parameter borrows.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// The numbers of descriptors that go on belonging to `owners`.
inline std::vector<int> borrowed(const std::vector<UniqueFd>& owners) {
  std::vector<int> out;
  out.reserve(owners.size());
  for (const UniqueFd& owner : owners) out.push_back(owner.get());
  return out;
}
/// A list of one, which a braced list can't be: descriptors are moved.
inline std::vector<UniqueFd> only(UniqueFd fd) {
  std::vector<UniqueFd> out;
  out.push_back(std::move(fd));
  return out;
}

}  // namespace tlspool
