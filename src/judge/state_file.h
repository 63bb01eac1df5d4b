// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"

namespace tlspool::judge {

/// A file in the judge's own directory. It is never written over: a new one takes its place, when all of it is on the disk.
class StateFile {
 public:
  static constexpr std::size_t longest = 256 << 20;

  explicit StateFile(std::string path) : path_(std::move(path)) {}
  /// What later() was given is on the disk afterwards.
  ~StateFile();
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// The whole text; none where there is no such file.
  [[nodiscard]] Result<std::optional<std::string>> read() const;
  /// Returns when it is on the disk.
  [[nodiscard]] Status write(const std::string& text);
  /// Another thread writes it, so that verdicts need not wait for a disk. Of texts that come faster than the disk is, the last one
  /// counts. What goes wrong is logged.
  void later(std::string text);

 private:
  void run();

  const std::string path_;
  std::mutex disk_;  // one writes at a time
  std::mutex lock_;
  std::condition_variable news_;
  std::optional<std::string> waiting_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tlspool::judge
