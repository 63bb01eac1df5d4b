// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/deadline.h"
#include "base/text.h"
#include "cli/address.h"
#include "cli/admin.h"
#include "cli/output.h"
#include "cli/qkd_commands.h"
#include "config/load.h"
#include "etsi014/client.h"
#include "qkd/filler.h"
#include "qkd/id_lines.h"
#include "qkd/keys.h"
#include "qkd/peer.h"
#include "qkd/secured.h"

namespace tlspool::qkd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t largest_batch = 128;  // so much is lost at most when an answer is

/// Whether an entity that was asked for keys may have delivered some. An answer that refuses delivers none, and etsi014
/// says in its advice where nothing was sent.
bool answer_lost(const Error& e) {
  const bool no_answer = e.code == Code::timeout || e.code == Code::closed || e.code == Code::protocol ||
                         (e.code == Code::io && !e.reason.starts_with("HTTP "));
  return no_answer && !e.advice.starts_with("nothing was sent");
}

/// The peer's key management entity, over connections that the pool protects.
class Entity {
 public:
  Entity(const config::Paths& paths, wire::KmeSetup kme, std::string sae)
      : paths_(paths), kme_(std::move(kme)), sae_(std::move(sae)), 
        client_({kme_.host, kme_.port, kme_.path}, [this](Deadline until) {
          auto connected = connect(until);
          unreachable_ = !connected;
          return connected;
        }) {}
  Entity(const Entity&) = delete;
  Entity& operator=(const Entity&) = delete;

  [[nodiscard]] Result<etsi014::Status> status() { return client_.status(sae_, deadline()); }

  [[nodiscard]] Delivery enc_keys(std::uint32_t number, std::uint32_t bits) {
    etsi014::KeyRequest request;
    request.number = number;
    request.size = bits;
    unreachable_ = false;
    return delivery(client_.enc_keys(sae_, request, deadline()));
  }
  /// Of whatever size the other site asked for.
  [[nodiscard]] Delivery dec_keys(const std::vector<std::string>& ids) {
    unreachable_ = false;
    return delivery(client_.dec_keys(sae_, ids, 0, deadline()));
  }

 private:
  [[nodiscard]] Clock::time_point deadline() const { return Clock::now() + std::chrono::milliseconds(kme_.timeout_ms); }

  [[nodiscard]] Result<UniqueFd> connect(Clock::time_point until) const {
    const auto left = [&] {
      return std::chrono::milliseconds(std::max(milliseconds_left(until), 1));
    };
    const cli::HostPort where{kme_.host, std::to_string(kme_.port)};
    auto socket = cli::connect_tcp(where, left());
    if (!socket) return fail(std::move(socket.error()));
    const Protection how{kme_.identity, kme_.expect, "etsi014", left()};
    auto secured = secure(paths_, std::move(*socket), TLSPOOL_CLIENT, how, "KME " + kme_.name + " at " + where.text());
    if (!secured) return fail(std::move(secured.error()));
    return std::move(secured->plain);
  }

  [[nodiscard]] Delivery delivery(Result<etsi014::KeyContainer> answer) const {
    if (answer) return std::move(*answer);
    const bool lost = !unreachable_ && answer_lost(answer.error());
    return tl::unexpected<FetchFailure>(FetchFailure{std::move(answer.error()), lost});
  }

  const config::Paths& paths_;
  wire::KmeSetup kme_;
  std::string sae_;
  bool unreachable_ = false;  ///< no connection came about, so nothing was sent
  etsi014::Client client_;
};

/// Before anything is asked for: would the keys find a place?
Status ready_to_store(Keys& keys, const wire::PeerSetup& peer) {
  if (peer.source != wire::KeySource::token || peer.use != wire::KeyUse::psk) {
    return fail({Code::config, "peer", peer.name, "its keys do not come from a token",
                 "give its [[peer]] source = \"token\" to fetch keys ahead of time"});
  }
  const auto rows = keys.counts();
  if (!rows) return fail(rows.error());
  for (const wire::KeyCount& row : *rows) {
    if (row.peer != peer.name) continue;
    if (row.problem.empty()) return {};
    return fail({Code::token_failed, "store keys", peer.name, row.problem, "no key was asked for"});
  }
  return fail({Code::config, "peer", peer.name, "the running pool does not know it yet", "tlspool reload"});
}

Status bits_fit(const etsi014::Status& entity, std::uint32_t bits, const std::string& kme) {
  const bool low = entity.min_key_size > 0 && bits < entity.min_key_size;
  const bool high = entity.max_key_size > 0 && bits > entity.max_key_size;
  if (!low && !high) return {};
  return fail({Code::invalid, "--size", std::to_string(bits),
               fmt::format("KME {} gives keys of {} to {} bits", kme, entity.min_key_size, entity.max_key_size), {}});
}

wire::Value told_json(const Filler::Told& told) {
  wire::Value out = wire::Value::array();
  for (const auto& [id, reason] : told) {
    out.push(wire::Value::object().set("id", wire::or_null(id)).set("reason", reason));
  }
  return out;
}

void print_told(const char* what, const Filler::Told& told) {
  for (const auto& [id, reason] : told) {
    std::fprintf(stderr, "%s%s%s: %s\n", what, id.empty() ? "" : " ", id.c_str(), reason.c_str());
  }
}

/// What the command says at the end, and with what status it ends.
Status conclude(const Filler::Tally& tally, const wire::PeerSetup& peer, const wire::KmeSetup& kme, std::size_t malformed) {
  print_told("refused", tally.refused);
  print_told("lost", tally.lost);
  print_told("missing", tally.missing);
  print_told("stored", tally.untold);
  if (tally.stored == tally.wanted && malformed == 0 && !tally.stopped) return {};
  std::string reason = fmt::format("{} of {} keys were stored", tally.stored, tally.wanted + malformed);
  const std::size_t lost = tally.refused.size() + tally.lost.size();
  if (lost > 0) reason += fmt::format("; {} that were delivered are lost", lost);
  if (tally.maybe_lost > 0) reason += fmt::format("; up to {} more are lost, for the answer with them did not come", tally.maybe_lost);
  if (!tally.missing.empty()) reason += fmt::format("; {} are not at the KME", tally.missing.size());
  if (tally.stopped) reason += "; stopped by: " + tally.stopped->text();
  const bool gone = lost > 0 || tally.maybe_lost > 0;
  return fail({Code::io, "fetch", fmt::format("{} from KME {}", peer.name, kme.name), std::move(reason),
               gone ? "a KME forgets what it has delivered: fetch others instead, and let qkd audit tell what the other site has too much" : ""});
}

Result<IdLines> read_ids(const std::string& file) {
  UniqueFd opened;
  if (file != "-") {
    opened.reset(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.valid()) return fail(system_error("open", file, errno));
  }
  auto ids = read_id_lines(opened.valid() ? opened.get() : STDIN_FILENO, file == "-" ? "standard input" : file);
  if (ids) {
    for (const std::size_t line : ids->malformed) std::fprintf(stderr, "line %zu: no key id of a KME (a UUID)\n", line);
  }
  return ids;
}

Status run(const cli::QkdFetchOptions& options) {
  const auto found = find_pool_peer(options.pool, options.peer);
  if (!found) return fail(found.error());
  const config::Paths& paths = found->paths;
  const wire::PeerSetup& peer = found->peer;
  const auto kme = find_kme(found->config, peer);
  if (!kme) return fail(kme.error());
  IdLines ids;
  if (!options.ids.empty()) {
    auto read = read_ids(options.ids);
    if (!read) return fail(std::move(read.error()));
    ids = std::move(*read);
  }
  auto keys = Keys::open(paths);
  if (!keys) return fail(std::move(keys.error()));
  if (auto ready = ready_to_store(*keys, peer); !ready) return ready;
  Entity entity(paths, *kme, peer.sae);
  const auto status = entity.status();
  if (!status) return fail(status.error());
  if (options.ids.empty()) {
    if (auto fit = bits_fit(*status, options.bits, kme->name); !fit) return fit;
  }
  wire::Value stored = wire::Value::array();
  FillerCalls calls;
  calls.enc_keys = [&](std::uint32_t number) { return entity.enc_keys(number, options.bits); };
  calls.dec_keys = [&](const std::vector<std::string>& wanted) { return entity.dec_keys(wanted); };
  calls.deposit = [&](std::vector<wire::NumberedKey> came) { return keys->deposit({peer.name, std::move(came)}); };
  calls.stored = [&](const std::vector<std::string>& done) -> Status {
    for (const std::string& id : done) {
      if (options.output == cli::Output::json) stored.push(id);
      else cli::print(id + "\n");
    }
    if (std::fflush(stdout) == 0) return {};  // the other site may be reading already
    return fail(system_error("write", "standard output", errno));
  };
  Filler filler(std::move(calls), peer.id_form, static_cast<std::uint32_t>(std::clamp(status->max_key_per_request, std::int64_t{1}, largest_batch)));
  if (options.ids.empty()) filler.fetch(options.count);
  else filler.fetch(ids.ids);
  const Filler::Tally& tally = filler.tally();
  if (options.output == cli::Output::json) {
    wire::Value out = wire::Value::object();
    out.set("peer", peer.name).set("kme", kme->name).set("wanted", tally.wanted).set("stored", std::move(stored));
    out.set("refused", told_json(tally.refused)).set("lost", told_json(tally.lost)).set("maybeLost", tally.maybe_lost);
    out.set("missing", told_json(tally.missing));
    cli::print_json(out);
  }
  return conclude(tally, peer, *kme, ids.malformed.size());
}

}  // namespace
}  // namespace tlspool::qkd

namespace tlspool::cli {
Status qkd_fetch(const QkdFetchOptions& options) { return qkd::run(options); }
}  // namespace tlspool::cli
