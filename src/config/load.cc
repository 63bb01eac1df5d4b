// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/fd.h"

namespace tlspool::config {
namespace {

Result<std::string> read_source(const std::string& path, std::size_t& left) {
  auto text = read_file(path, left);
  if (text) {
    left -= text->size();
  } else if (text.error().code == Code::invalid) {
    return fail({Code::config, "configuration", path,
                 "with this file the configuration is longer than " + std::to_string(most_configuration >> 20) + " MiB",
                 "put what is long, such as lists of certificates, into files that the configuration names"});
  }
  return text;
}

// No directory, no files: a pool may have no such directory at all.
Status add_drop_ins(const std::string& directory, Source::Holds holds, std::size_t& left, std::vector<Source>& sources) {
  std::vector<std::string> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(directory, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const auto name = entry->path().filename().string();
    if (name.ends_with(".toml") && !name.starts_with('.')) files.push_back(entry->path().string());
  }
  if (failed && failed != std::errc::no_such_file_or_directory) {
    return fail(system_error("read directory", directory, failed.value()));
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    auto text = read_source(file, left);
    if (!text) return fail(std::move(text.error()));
    sources.push_back({file, std::move(*text), holds});
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (!fd.valid()) return fail(system_error("open", path, errno));
  std::string out;
  while (true) {
    const std::size_t old = out.size();
    out.resize(old + 64 * 1024);
    const ssize_t n = read(fd.get(), out.data() + old, out.size() - old);
    if (n < 0 && errno == EINTR) {
      out.resize(old);
      continue;
    }
    if (n < 0) return fail(system_error("read", path, errno));
    out.resize(old + static_cast<std::size_t>(n));
    if (n == 0) return out;
    if (out.size() > limit) return fail({Code::invalid, "read", path, "it is longer than " + std::to_string(limit) + " bytes", {}});
  }
}

Result<Config> load(const Paths& paths) {
  std::vector<Source> sources;
  std::size_t left = most_configuration;
  auto first = read_source(paths.file(), left);
  if (!first) {
    Error e = std::move(first.error());
    if (e.code == Code::not_found) {
      e.advice = "make a pool with `tlspool --pool " + paths.directory + " init`, or name another one with --pool";
    }
    return fail(std::move(e));
  }
  sources.push_back({paths.file(), std::move(*first)});
  if (auto done = add_drop_ins(paths.identities(), Source::Holds::identities, left, sources); !done) return fail(done.error());
  if (auto done = add_drop_ins(paths.peers(), Source::Holds::peers, left, sources); !done) return fail(done.error());
  if (auto done = add_drop_ins(paths.policies(), Source::Holds::policies, left, sources); !done) return fail(done.error());
  if (auto done = add_drop_ins(paths.rules(), Source::Holds::rules, left, sources); !done) return fail(done.error());
  if (auto done = add_drop_ins(paths.disclosures(), Source::Holds::disclosures, left, sources); !done) return fail(done.error());
  auto config = parse(sources, paths.directory, paths.keeper);
  if (!config) return config;
  if (auto done = resolve(*config); !done) return fail(std::move(done.error()));
  return config;
}

}  // namespace tlspool::config
