// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/commands.h"
#include "cli/roles.h"
#include "config/paths.h"
#include "loop/loop.h"
#include "tunnel/caller.h"
#include "tunnel/complaints.h"
#include "tunnel/connector.h"
#include "tunnel/listener.h"
#include "tunnel/request.h"

namespace tlspool::tunnel {
namespace {

constexpr std::chrono::milliseconds sweep_every{1000};
constexpr std::uint64_t connect_limit_ms = 10'000;
constexpr std::uint64_t answer_limit_ms = 630'000;  // longer than any deadline that a pool can be given

/// Accepts, connects, has the pool join the two, and forgets them: no byte of a session passes here.
class Tunnel {
 public:
  Tunnel(const cli::TunnelOptions& options, const config::Paths& paths, std::vector<cli::SocketAddress> targets)
      : options_(options),
        caller_(loop_, paths.programs_socket(), [&options](std::size_t worker) { return forward_text(options, worker); }),
        connector_(loop_, std::move(targets)),
        sweep_(loop_) {}

  void listen(UniqueFd socket) {
    listeners_.push_back(std::make_unique<Listener>(
        loop_, std::move(socket), [this](UniqueFd fd, const cli::SocketAddress& peer) { accepted(std::move(fd), peer); },
        [this](const std::string& trouble) { complain("", trouble); }));
  }

  void run() {
    const SignalWatch term(loop_, SIGTERM, [this](int) { loop_.stop(); });
    const SignalWatch interrupt(loop_, SIGINT, [this](int) { loop_.stop(); });
    loop_.run();
  }

 private:
  /// One connection until the pool has it.
  struct Passage {
    UniqueFd accepted;
    cli::SocketAddress peer;
  };

  void accepted(UniqueFd fd, const cli::SocketAddress& peer) {
    if (++under_way_ >= options_.handshakes) hold();
    if (!sweeping_) sweep();
    auto passage = std::make_shared<Passage>(Passage{std::move(fd), peer});
    connector_.start([this, passage](Result<UniqueFd> connected) {
      if (!connected) return done(*passage, connected.error().text());
      const bool in = options_.side == cli::Side::tls_in;
      UniqueFd tls = std::move(in ? passage->accepted : *connected);
      UniqueFd plain = std::move(in ? *connected : passage->accepted);
      const Status sent = caller_.start(std::move(tls), std::move(plain),
                                        [this, passage](const std::string& failure) { done(*passage, failure); });
      if (!sent) done(*passage, sent.error().text());
    });
  }

  void done(Passage& passage, std::string_view failure) {
    passage.accepted.reset();
    if (!failure.empty()) complain(passage.peer.text(), failure);
    if (--under_way_ < options_.handshakes && held_) go_on();
  }

  void hold() {
    held_ = true;
    for (const auto& listener : listeners_) listener->hold();
  }

  void go_on() {
    held_ = false;
    for (const auto& listener : listeners_) listener->go_on();
  }

  void complain(std::string_view peer, std::string_view what) {
    const auto line = complaints_.line(loop_.now(), peer, what);
    if (line) std::fputs(line->c_str(), stderr);
  }

  void sweep() {
    const std::uint64_t now = loop_.now();
    if (now > connect_limit_ms) connector_.expire(now - connect_limit_ms);
    if (now > answer_limit_ms) caller_.expire(now - answer_limit_ms);
    sweeping_ = under_way_ > 0;  // a tunnel where nothing begins does not wake up
    if (sweeping_) sweep_.start(sweep_every, [this] { sweep(); });
  }

  Loop loop_;
  const cli::TunnelOptions& options_;
  Caller caller_;
  Connector connector_;
  Timer sweep_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Complaints complaints_;
  std::uint32_t under_way_ = 0;
  bool held_ = false;
  bool sweeping_ = false;
};

/// Three descriptors for each handshake under way.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Status run(const cli::TunnelOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto from = cli::HostPort::parse(options.listen);
  if (!from) return fail(from.error());
  const auto to = cli::HostPort::parse(options.connect);
  if (!to) return fail(to.error());
  if (auto sense = cli::check_roles("tunnel", own_role(options), options.roles, expected(options)); !sense) return sense;
  auto targets = cli::resolve(*to, cli::Use::connect);
  if (!targets) return fail(std::move(targets.error()));
  auto addresses = cli::resolve(*from, cli::Use::listen);
  if (!addresses) return fail(std::move(addresses.error()));
  if (from->port == "0") addresses->resize(1);  // each would get another port
  const AcceptWhen when = other_side_speaks_first(options) ? AcceptWhen::first_byte_came : AcceptWhen::connected;
  allow_many_files();
  Tunnel tunnel(options, *paths, std::move(*targets));
  for (const cli::SocketAddress& address : *addresses) {
    auto socket = listen_when(when, address);
    if (!socket) return fail(std::move(socket.error()));
    std::fprintf(stderr, "listening on %s\n", cli::local_address(socket->get()).text().c_str());
    tunnel.listen(std::move(*socket));
  }
  tunnel.run();
  return {};
}

}  // namespace tlspool::tunnel

namespace tlspool::cli {
Status tunnel(const TunnelOptions& options) { return tunnel::run(options); }
}  // namespace tlspool::cli
