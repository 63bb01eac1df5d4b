// SPDX-License-Identifier: Apache-2.0
#include "cli/provisioner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/sandbox.h"
#include "base/socket.h"
#include "base/text.h"
#include "loop/channel.h"

namespace tlspool::cli {
namespace {

constexpr int channel_fd = 3;
constexpr int start_failed = 126;

/// In the child. Only returns where exec is impossible, which the parent sees as a closed channel.
[[noreturn]] void become_provisioner(const std::string& daemon, const std::string& directory,
                                     const struct stat& owner, int channel) {
  signal(SIGINT, SIG_IGN);  // the terminal's Ctrl-C is for the command, which ends this process by closing
  if (chdir(directory.c_str()) != 0) _exit(start_failed);
  if (geteuid() == 0 && owner.st_uid != 0 && !become({owner.st_uid, owner.st_gid})) _exit(start_failed);
  const int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) _exit(start_failed);
  if (channel == channel_fd) {
    fcntl(channel, F_SETFD, 0);
  } else if (dup2(channel, channel_fd) < 0) {
    _exit(start_failed);
  }
  execl(daemon.c_str(), "tlspoold", "--process", "provision", "--channel", "3", nullptr);
  _exit(start_failed);
}

}  // namespace

Result<std::string> find_daemon() {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) {
    for (const auto& directory : {self.parent_path(), self.parent_path().parent_path() / "sbin"}) {
      const std::string candidate = (directory / "tlspoold").string();
      if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
  }
  const char* path = std::getenv("PATH");
  for (const std::string& directory : split(path == nullptr ? "/usr/sbin:/usr/bin" : path, ':')) {
    const std::string candidate = directory + "/tlspoold";
    if (directory.starts_with('/') && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail({Code::not_found, "find tlspoold", "", "neither beside this command, nor in ../sbin, nor in PATH",
               "install it beside tlspool, or add its directory to PATH"});
}

Result<Provisioner> Provisioner::start(const config::Paths& paths) {
  auto daemon = find_daemon();
  if (!daemon) return fail(std::move(daemon.error()));
  struct stat owner {};
  if (stat(paths.keeper.c_str(), &owner) != 0) {
    return fail(system_error("open the keeper's directory", paths.keeper, errno));
  }
  if (geteuid() != 0 && geteuid() != owner.st_uid) {
    return fail({Code::denied, "open the keeper's directory", paths.keeper, "it belongs to another user",
                 "run the command as root or as the pool's owner"});
  }
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return fail(std::move(pair.error()));
  const pid_t child = fork();
  if (child < 0) return fail(system_error("fork", "tlspoold", errno));
  if (child == 0) become_provisioner(*daemon, paths.keeper, owner, pair->second.get());
  pair->second.reset();
  Provisioner out(std::move(pair->first), child);
  const wire::LogSetup log{false, static_cast<std::uint8_t>(log::Level::warning), "provision"};
  const Frame frame{wire::Kind::log_setup, 0, wire::encode(log), {}};
  if (auto sent = send_frame(out.channel_.get(), frame); !sent) return fail(std::move(sent.error()));
  return out;
}

Provisioner::Provisioner(Provisioner&& other) noexcept
    : channel_(std::move(other.channel_)), process_(std::exchange(other.process_, -1)), number_(other.number_) {}

Provisioner::~Provisioner() {
  channel_.reset();
  if (process_ < 0) return;
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

template <class Reply, class Request>
Result<Reply> Provisioner::ask(wire::ProvisionKind kind, wire::ProvisionKind expected, const Request& request) {
  const Frame out{kind, ++number_, wire::encode(request), {}};
  if (auto sent = send_frame(channel_.get(), out); !sent) return fail(std::move(sent.error()));
  auto in = receive_frame(channel_.get());
  if (!in) {
    return fail({Code::closed, "tlspoold --process provision", "", "it ended before it answered",
                 "its own message stands above; a PKCS#11 module may have crashed"});
  }
  if (in->kind == wire::ProvisionKind::failed) {
    const auto failure = wire::decode<wire::Failure>(in->body);
    return fail(failure ? wire::error_of(*failure) : failure.error());
  }
  if (in->kind != expected || in->number != number_) {
    return fail({Code::protocol, "tlspoold --process provision", "", "an answer to another request",
                 "are tlspool and tlspoold of one version?"});
  }
  return wire::decode<Reply>(in->body);
}

using Kind = wire::ProvisionKind;
Result<wire::TokenMade> Provisioner::make_token(const wire::MakeToken& request) {
  return ask<wire::TokenMade>(Kind::make_token, Kind::token_made, request);
}
Result<wire::KeyRow> Provisioner::make_key(const wire::MakeKey& request) {
  return ask<wire::KeyRow>(Kind::make_key, Kind::key_made, request);
}
Result<wire::CertificateMade> Provisioner::make_authority(const wire::MakeAuthority& request) {
  return ask<wire::CertificateMade>(Kind::make_authority, Kind::certificate_made, request);
}
Result<wire::CertificateMade> Provisioner::issue(const wire::IssueCertificate& request) {
  return ask<wire::CertificateMade>(Kind::issue, Kind::certificate_made, request);
}
Result<wire::KeysListed> Provisioner::list_keys(const wire::ListKeys& request) {
  return ask<wire::KeysListed>(Kind::list_keys, Kind::keys_listed, request);
}
Result<wire::Checked> Provisioner::check(const wire::CheckToken& request) {
  return ask<wire::Checked>(Kind::check, Kind::checked, request);
}

wire::TokenSetup inside_keeper(wire::TokenSetup token, const config::Paths& paths) {
  const std::string prefix = paths.keeper + "/";
  if (token.pin_file.starts_with(prefix)) token.pin_file.erase(0, prefix.size());
  return token;
}

}  // namespace tlspool::cli
