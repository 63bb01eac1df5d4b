// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "base/secret.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/qkd_commands.h"
#include "config/paths.h"
#include "qkd/key_lines.h"
#include "qkd/keys.h"

namespace tlspool::qkd {
namespace {

constexpr std::size_t batch = 256;
constexpr std::size_t piece_size = 64 * 1024;

/// Collects keys and has the keeper store them, a batch at a time.
class Import {
 public:
  Import(Keys& keys, std::string peer) : keys_(keys), peer_(std::move(peer)) {}
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;
  ~Import() { forget(); }

  [[nodiscard]] Status line(std::size_t number, std::string_view text) {
    auto key = parse_key_line(text);
    if (!key) {
      refuse(fmt::format("line {}", number), key.error().reason);
      return {};
    }
    if (!key->has_value()) return {};
    waiting_.push_back(std::move(**key));
    return waiting_.size() < batch ? Status{} : store();
  }

  [[nodiscard]] Status store() {
    if (waiting_.empty()) return {};
    auto done = keys_.deposit({peer_, std::move(waiting_)});
    waiting_.clear();
    if (!done) return fail(std::move(done.error()));
    stored_ += done->stored.size();
    for (const wire::DepositRefused& r : done->refused) refuse(printable(r.id), printable(r.reason, 1024));
    return {};
  }

  [[nodiscard]] std::size_t stored() const { return stored_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }

 private:
  void refuse(const std::string& what, const std::string& reason) {
    ++refused_;
    std::fprintf(stderr, "refused %s: %s\n", what.c_str(), reason.c_str());
  }
  void forget() {
    for (wire::NumberedKey& key : waiting_) wipe(key.key);
  }

  Keys& keys_;
  std::string peer_;
  std::vector<wire::NumberedKey> waiting_;
  std::size_t stored_ = 0;
  std::size_t refused_ = 0;
};

Status read_all(int fd, const std::string& name, Import& import) {
  Secret piece(piece_size);
  LineSplitter splitter;
  const auto on_line = [&](std::size_t number, std::string_view text) { return import.line(number, text); };
  while (true) {
    const ssize_t n = read(fd, piece.writable().data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", name, errno));
    if (n == 0) break;
    if (auto added = splitter.add(piece.bytes().first(static_cast<std::size_t>(n)), on_line); !added) return added;
  }
  if (auto last = splitter.finish(on_line); !last) return last;
  return import.store();
}

Status run(const cli::QkdImportOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto peer = normal_identity(options.peer);
  if (!peer) return fail(peer.error());
  UniqueFd file;
  int fd = STDIN_FILENO;
  if (!options.file.empty() && options.file != "-") {
    file.reset(open(options.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return fail(system_error("open", options.file, errno));
    fd = file.get();
  }
  auto keys = Keys::open(*paths);
  if (!keys) return fail(std::move(keys.error()));
  Import import(*keys, *peer);
  const Status done = read_all(fd, file.valid() ? options.file : "standard input", import);
  cli::print(fmt::format("{} keys stored for {}\n", import.stored(), *peer));
  if (!done) return done;
  if (import.refused() == 0) return {};
  return fail({Code::invalid, "import", *peer, fmt::format("{} keys were refused, as said above", import.refused()), {}});
}

}  // namespace
}  // namespace tlspool::qkd

namespace tlspool::cli {
Status qkd_import(const QkdImportOptions& options) { return qkd::run(options); }
}  // namespace tlspool::cli
