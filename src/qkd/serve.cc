// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <set>

#include "base/text.h"
#include "qkd/entity_server.h"
#include "qkd/link.h"
#include "qkd/sae_names.h"

namespace tlspool::qkd {
namespace {

constexpr std::size_t most_clients = 128;
constexpr std::size_t filled_at_start = 256;
constexpr std::uint32_t least_link_bits = 128;  // that a store takes

/// One line to standard error, whole, from whichever thread.
void say(const std::string& line) { std::fputs(("tlspool: " + line + "\n").c_str(), stderr); }

tl::unexpected<Error> unfit(const char* option, const std::string& value, std::string reason) {
  return fail({Code::invalid, option, printable(value), std::move(reason), {}});
}

Status check(const cli::QkdServeOptions& options) {
  if (options.bits % 8 != 0) return unfit("--size", std::to_string(options.bits), "it shall be a multiple of 8");
  std::set<std::string> seen;
  for (const cli::QkdEntity* entity : {&options.first, &options.second}) {
    for (const std::string& sae : entity->saes) {
      if (!etsi014::is_sae_id(sae)) return unfit("--sae", sae, "no SAE id: it is 1 to 256 visible characters");
      if (!seen.insert(normal_sae(sae, options.sae_from)).second) return unfit("--sae", sae, "it is named twice");
    }
  }
  if (options.first.kme == options.second.kme) return unfit("--kme", options.first.kme, "both entities have this id");
  return {};
}

/// SIGTERM and SIGINT, for the thread that waits for them; others never see them.
Result<UniqueFd> ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!fd.valid()) return fail(system_error("signalfd", "", errno));
  return fd;
}

/// What `qkd serve` has of each of its entities.
struct Place {
  config::Paths paths;
  cli::QkdEntity setup;
  cli::Acceptor acceptor;
};

Result<Place> prepare(cli::QkdEntity setup, cli::SaeFrom sae_from) {
  auto paths = config::find_pool(setup.pool);
  if (!paths) return fail(std::move(paths.error()));
  auto link = LinkStore::check(*paths, setup.link);
  if (!link) return fail(std::move(link.error()));
  setup.link = std::move(*link);
  for (std::string& sae : setup.saes) sae = normal_sae(sae, sae_from);
  const auto where = cli::HostPort::parse(setup.listen);
  if (!where) return fail(where.error());
  auto acceptor = cli::Acceptor::listen(*where);
  if (!acceptor) return fail(std::move(acceptor.error()));
  return Place{std::move(*paths), std::move(setup), std::move(*acceptor)};
}

/// Accepts for both until a signal comes.
Status accept_all(const std::array<Place, 2>& places, std::array<EntityServer, 2>& servers, const UniqueFd& signals) {
  Connections connections(most_clients);
  std::vector<pollfd> waiting{{signals.get(), POLLIN, 0}};
  std::vector<std::size_t> whose{0};
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (const int fd : places[i].acceptor.descriptors()) {
      waiting.push_back({fd, POLLIN, 0});
      whose.push_back(i);
    }
  }
  while (true) {
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return fail(system_error("poll", "accept", errno));
    if (waiting.front().revents != 0) return {};
    for (std::size_t i = 1; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      auto accepted = cli::Acceptor::accept_now(waiting[i].fd);
      if (!accepted) {
        // Out of descriptors: the client stays in the kernel's queue for a moment.
        poll(waiting.data(), 1, 100);
        continue;
      }
      if (!*accepted) continue;
      connections.start(std::move((*accepted)->socket), [&server = servers[whose[i]], peer = (*accepted)->peer.text()](
                                                         UniqueFd fd, Connections::Client& client) {
        server.serve(std::move(fd), peer, client);
      });
    }
  }
}

Status run(const cli::QkdServeOptions& options) {
  if (auto good = check(options); !good) return good;
  const auto signals = ending_signals();
  if (!signals) return fail(signals.error());
  auto first = prepare(options.first, options.sae_from);
  if (!first) return fail(std::move(first.error()));
  auto second = prepare(options.second, options.sae_from);
  if (!second) return fail(std::move(second.error()));
  const std::array<Place, 2> places{std::move(*first), std::move(*second)};
  LinkStore at_first(places[0].paths, places[0].setup.link);
  LinkStore at_second(places[1].paths, places[1].setup.link);
  Stock stock(at_first, at_second, std::max(options.bits, least_link_bits), options.store);
  if (auto adopted = stock.adopt(); !adopted) return adopted;
  while (options.rate == 0 && stock.room() > 0 && stock.count() < filled_at_start) {
    const auto made = stock.make(std::min(stock.room(), filled_at_start - stock.count()));
    if (!made) return fail(made.error());
  }
  Entities entities({places[0].setup.kme, places[0].setup.saes}, {places[1].setup.kme, places[1].setup.saes}, stock, options.bits);
  std::array<EntityServer, 2> servers{
      EntityServer(places[0].paths, places[0].setup, options.sae_from, Site::first, entities, say),
      EntityServer(places[1].paths, places[1].setup, options.sae_from, Site::second, entities, say)};
  const Link link(stock, options.rate, say);
  for (const Place& place : places) {
    for (const cli::SocketAddress& address : place.acceptor.addresses()) {
      say(place.setup.kme + ": listening on " + address.text());
    }
  }
  return accept_all(places, servers, *signals);
}

}  // namespace
}  // namespace tlspool::qkd

namespace tlspool::cli {
Status qkd_serve(const QkdServeOptions& options) { return qkd::run(options); }
}  // namespace tlspool::cli
