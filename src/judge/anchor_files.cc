// SPDX-License-Identifier: Apache-2.0
#include "judge/anchor_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/fd.h"

namespace tlspool::judge {
namespace {

constexpr std::size_t max_file = 16 << 20;

}  // namespace

Result<std::string> read_anchor_file(const std::string& path) {
  // Non-blocking: a FIFO in place of a file must not hold up the start.
  const UniqueFd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd.valid()) {
    Error e = system_error("read trust anchors", path, errno);
    e.advice = "the judge's user must be able to read it; after adding a file, restart the pool";
    return fail(std::move(e));
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return fail({Code::config, "read trust anchors", path, "it is no regular file", "name a PEM file"});
  }
  std::string text;
  std::string chunk(64 * 1024, '\0');
  while (true) {
    const ssize_t n = read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read trust anchors", path, errno));
    if (n == 0) return text;
    text.append(chunk, 0, static_cast<std::size_t>(n));
    if (text.size() > max_file) return fail({Code::config, "read trust anchors", path, "it is larger than 16 MiB", {}});
  }
}

namespace {

std::vector<std::string> files_of(const wire::JudgeSetup& setup) {
  std::vector<std::string> files;
  if (setup.system_trust) files.emplace_back(trust::system_bundle);
  files.insert(files.end(), setup.anchor_files.begin(), setup.anchor_files.end());
  return files;
}

bool holds_directories(const std::filesystem::path& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator i{directory, error}, end; !error && i != end; i.increment(error)) {
    if (i->is_directory(error)) return true;
  }
  return static_cast<bool>(error);
}

}  // namespace

ReadAnchors read_anchors(const wire::JudgeSetup& setup) {
  ReadAnchors out;
  for (const std::string& path : files_of(setup)) {
    auto text = read_anchor_file(path);
    const auto added = text ? out.anchors.add_pem(*text, path) : fail(std::move(text.error()));
    if (!added) out.problems.push_back(added.error().text());
  }
  return out;
}

std::vector<std::string> readable_paths(const wire::JudgeSetup& setup) {
  // Always: a reload may turn the system's trust on. Public by its nature.
  std::vector<std::string> paths{"/etc/ssl/certs", "/usr/share/ca-certificates"};
  std::vector<std::string> files = setup.anchor_files;
  files.push_back(setup.dns.root_anchor);
  files.insert(files.end(), setup.revocation.crl_files.begin(), setup.revocation.crl_files.end());
  for (const std::string& file : files) {
    const std::filesystem::path directory = std::filesystem::path(file).parent_path();
    paths.push_back(holds_directories(directory) ? file : directory.string());
  }
  return paths;
}

}  // namespace tlspool::judge
