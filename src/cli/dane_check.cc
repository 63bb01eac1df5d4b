// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ctime>

#include "base/text.h"
#include "cli/dane_commands.h"
#include "cli/dane_peer.h"
#include "cli/output.h"
#include "config/load.h"
#include "config/paths.h"
#include "loop/loop.h"
#include "trust/anchors.h"
#include "trust/dane_lookup.h"
#include "trust/resolver.h"

namespace tlspool::cli {
namespace {

using trust::TlsaFound;
using trust::TlsaState;

constexpr std::size_t max_anchor_file = 16 << 20;

Error not_proved(const std::string& name, std::string reason, std::string advice = {}) {
  return {Code::certificate, "dane check", printable(name), std::move(reason), std::move(advice)};
}

/// As the judge asks, but without writing down what becomes of the root's keys.
Result<std::vector<TlsaFound>> look_up(const wire::DnsSetup& dns, const trust::DanePeer& peer) {
  trust::ResolverSettings settings;
  auto anchor = config::read_file(dns.root_anchor);
  if (!anchor) {
    anchor.error().advice = "install dns-root-data, or name a file with the root's DS or DNSKEY records in [dns] root_anchor";
    return fail(std::move(anchor.error()));
  }
  settings.root_anchor = *std::move(anchor);
  settings.forwarders = dns.forwarders;
  for (const wire::DnsStubSetup& stub : dns.stubs) settings.stubs.push_back({stub.zone, stub.address});
  settings.deadline = std::chrono::milliseconds{dns.deadline_ms};
  Loop loop;
  const auto resolver = trust::Resolver::create(loop, settings);
  if (!resolver) return fail(resolver.error());
  std::vector<TlsaFound> out;
  const trust::DaneLookup lookup(**resolver, peer, [&](std::vector<TlsaFound> found) {
    out = std::move(found);
    loop.stop();
  });
  loop.run();
  return out;
}

/// What PKIX-TA and PKIX-EE need; a file that can't be read is named, and the others count.
trust::Anchors read_anchors(const config::Trust& trust) {
  trust::Anchors out;
  std::vector<std::string> files = trust.anchors;
  if (trust.system) files.emplace_back(trust::system_bundle);
  for (const std::string& file : files) {
    const auto text = config::read_file(file, max_anchor_file);
    const auto added = text ? out.add_pem(*text, file) : fail(Error(text.error()));
    if (!added) std::fprintf(stderr, "tlspool: %s\n", added.error().text().c_str());
  }
  return out;
}

struct Check {
  const DaneCheckOptions& options;
  const trust::Anchors& anchors;
};

/// Whether the records of this place hold for the chain; a line for each of them.
bool compare(const Check& check, const TlsaFound& place, const std::vector<Bytes>& chain) {
  trust::DaneQuery query;
  query.chain = chain;
  query.anchors = &check.anchors;
  query.names = place.names;
  query.peer_is_server = check.options.place.peer == DanePlace::Peer::server;
  const std::time_t now = std::time(nullptr);
  for (const Bytes& rdata : place.records) {
    query.records = {rdata};
    const trust::DaneVerdict v = trust::judge_dane(query, now);
    const auto record = trust::parse_tlsa(rdata);
    const std::string text = printable(record ? trust::zone_line(place.owner, *record) : place.owner + " IN TYPE52 " + hex(rdata), 240);
    if (v.matched) {
      print(fmt::format("holds     {}\n", text));
    } else {
      const auto colon = v.reason.find(": ");
      print(fmt::format("{}  {}: {}\n", v.usable == 0 ? "unusable" : "differs ", text, colon == std::string::npos ? v.reason : v.reason.substr(colon + 2)));
    }
  }
  query.records = place.records;
  return trust::judge_dane(query, now).matched;
}

Result<std::vector<std::vector<Bytes>>> chains_of(const DaneCheckOptions& o, const TlsaFound& place) {
  if (!o.certificate.empty() || o.place.peer == DanePlace::Peer::client) return dane_chains(o.pool, o.place.name, o.certificate);
  // The port is in the owner name: that of an SRV record may be another than was given.
  const std::string port = place.owner.substr(1, place.owner.find('.') - 1);
  const auto where = o.connect.empty() ? HostPort{place.host, port} : HostPort::parse(o.connect);
  if (!where) return fail(where.error());
  const bool named_by_domain = !o.place.service.empty();
  const StartTls starttls = o.starttls.value_or(o.place.service == "smtp" ? StartTls::smtp : StartTls::none);
  auto chain = served_chain({*where, named_by_domain ? place.host : o.place.name, starttls, o.timeout});
  if (!chain) return fail(std::move(chain.error()));
  return std::vector<std::vector<Bytes>>{*std::move(chain)};
}

/// Every chain must be proved: of several keys, any may be chosen.
Status check_place(const Check& check, const TlsaFound& place) {
  const std::string& name = check.options.place.name;
  if (place.state != TlsaState::records) return fail(not_proved(name, place.reason));
  const auto chains = chains_of(check.options, place);
  if (!chains) return fail(chains.error());
  bool all = true;
  for (const std::vector<Bytes>& chain : *chains) all = compare(check, place, chain) && all;
  if (all) return {};
  return fail(not_proved(name, "the records at " + printable(place.owner) + " do not prove what is served",
                         "publish those of `tlspool dane record`, and wait until the old ones' time to live has passed"));
}

}  // namespace

Status dane_check(const DaneCheckOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto config = config::load(*paths);
  if (!config) return fail(config.error());
  const auto name = normal_host(options.place.name);
  if (!name) return fail(name.error());
  const trust::DanePeer peer{options.place.peer == DanePlace::Peer::server, *name, options.place.port, options.place.service};
  if (std::string why = trust::DaneLookup::refuse(peer); !why.empty()) return fail(not_proved(options.place.name, std::move(why)));
  const auto places = look_up(config->dns, peer);
  if (!places) return fail(places.error());
  const trust::Anchors anchors = read_anchors(config->trust);
  const Check check{options, anchors};
  Status outcome;
  for (const TlsaFound& place : *places) {
    Status one = check_place(check, place);
    if (one) continue;
    if (!outcome) std::fprintf(stderr, "tlspool: %s\n", outcome.error().text().c_str());
    outcome = std::move(one);
  }
  if (outcome) print(fmt::format("{} is proved by DANE\n", printable(options.place.name)));
  return outcome;
}

}  // namespace tlspool::cli
