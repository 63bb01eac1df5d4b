// SPDX-License-Identifier: Apache-2.0
#include "judge/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/durable.h"
#include "base/fd.h"
#include "base/log.h"

namespace tlspool::judge {

StateFile::~StateFile() {
  {
    const std::lock_guard guard(lock_);
    ends_ = true;
  }
  news_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<std::optional<std::string>> StateFile::read() const {
  const UniqueFd fd{open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!fd.valid() && errno == ENOENT) return std::optional<std::string>{};
  struct stat info{};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return fail(system_error("read", path_, errno));
  if (!S_ISREG(info.st_mode)) return fail({Code::config, "read", path_, "it is no regular file", "move it away"});
  if (static_cast<std::size_t>(info.st_size) > longest) return fail({Code::config, "read", path_, "it is longer than 256 MiB", "move it away"});
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", path_, errno));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return std::optional(std::move(text));
}

Status StateFile::write(const std::string& text) {
  {
    const std::lock_guard guard(lock_);
    waiting_.reset();  // older than this
  }
  const std::lock_guard guard(disk_);
  return replace_file(path_, view(text));
}

void StateFile::later(std::string text) {
  {
    const std::lock_guard guard(lock_);
    waiting_ = std::move(text);
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  news_.notify_one();
}

void StateFile::run() {
  while (true) {
    // The disk first: of two threads that write, the later text must come last.
    std::unique_lock guard(lock_);
    news_.wait(guard, [this] { return ends_ || waiting_; });
    if (!waiting_) return;
    guard.unlock();
    const std::lock_guard disk(disk_);
    guard.lock();
    if (!waiting_) continue;
    const std::string text = *std::exchange(waiting_, std::nullopt);
    guard.unlock();
    if (auto done = replace_file(path_, view(text)); !done) log::error("state.not_written", {{"problem", done.error().text()}});
  }
}

}  // namespace tlspool::judge
