// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/deadline.h"
#include "base/text.h"
#include "cli/address.h"
#include "cli/output.h"
#include "cli/qkd_commands.h"
#include "config/paths.h"
#include "qkd/check_suite.h"
#include "qkd/secured.h"

namespace tlspool::qkd {
namespace {

using Clock = std::chrono::steady_clock;

/// One entity as one identity of ours reaches it.
class Access {
 public:
  Access(const config::Paths& paths, const HttpsUrl& url, std::string as, std::string expect, std::chrono::milliseconds timeout)
      : paths_(paths), url_(url), as_(std::move(as)), expect_(expect.empty() ? url.host : std::move(expect)), timeout_(timeout),
        client_(url, [this](Deadline until) { return connect(until); }) {}
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  [[nodiscard]] Result<etsi014::Reply> send(const etsi014::Exchange& exchange) {
    return client_.exchange(exchange, Clock::now() + timeout_);
  }
  /// Of the last connection.
  [[nodiscard]] const std::string& version() const { return version_; }

 private:
  [[nodiscard]] Result<UniqueFd> connect(Deadline until) {
    const auto left = [&] {
      return std::chrono::milliseconds(std::max(milliseconds_left(until), 1));
    };
    const cli::HostPort where{url_.host, std::to_string(url_.port)};
    auto socket = cli::connect_tcp(where, left());
    if (!socket) return fail(std::move(socket.error()));
    auto secured = secure(paths_, std::move(*socket), TLSPOOL_CLIENT, {as_, expect_, "etsi014", left()}, where.text());
    if (!secured) return fail(std::move(secured.error()));
    version_ = tlspool_session_version(secured->session.get()) == TLSPOOL_TLS13 ? "TLS 1.3" : "TLS 1.2";
    return std::move(secured->plain);
  }

  const config::Paths& paths_;
  HttpsUrl url_;
  std::string as_;
  std::string expect_;
  std::chrono::milliseconds timeout_;
  std::string version_;
  etsi014::Client client_;
};

Probe probe_of(Access& access, Probe::Habits& habits) {
  return Probe([&access](const etsi014::Exchange& exchange) { return access.send(exchange); }, habits);
}

/// What TLS has to show: clause 5 wants mutual authentication, in TLS 1.2 or later.
std::vector<CheckRow> check_tls(Access& access, Access& nobody, const std::string& slave) {
  const etsi014::Exchange ask{"GET", etsi014::path_of(etsi014::Operation::status, slave), {}};
  const auto reached = access.send(ask);
  std::vector<CheckRow> rows;
  rows.push_back({"tls-version", "5: HTTPS in TLS 1.2 or later", access.version().empty() ? Verdict::fail : Verdict::pass,
                  "TLS 1.2 or 1.3", access.version().empty() ? reached.error().text() : access.version()});
  const auto without = nobody.send(ask);
  const bool shut = !without || without->status == 401;
  rows.push_back({"no-certificate", "5: who shows no certificate gets nothing", shut ? Verdict::pass : Verdict::fail,
                  "no connection, or 401", without ? fmt::format("{}", without->status) : "no answer: " + without.error().reason});
  return rows;
}

Status run(const cli::QkdCheckOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto url = parse_https_url(options.url);
  if (!url) return fail(url.error());
  for (const std::string& sae : {options.sae, options.peer_sae}) {
    if (!etsi014::is_sae_id(sae)) return fail({Code::invalid, "SAE", printable(sae), "an SAE id is 1 to 256 visible characters", {}});
  }
  Access master(*paths, *url, options.as, options.expect, options.timeout);
  Access nobody(*paths, *url, {}, options.expect, options.timeout);
  std::vector<CheckRow> rows = check_tls(master, nobody, options.peer_sae);
  if (rows.front().verdict == Verdict::fail) {
    return fail({Code::io, "check", url->text(), rows.front().came, "no check was made"});
  }
  Probe::Habits habits;
  Probe at_master = probe_of(master, habits);
  CheckProbes probes{&at_master};
  std::vector<std::unique_ptr<Access>> there;
  std::vector<Probe> others;
  others.reserve(3);
  if (!options.peer_url.empty()) {
    const auto peer_url = parse_https_url(options.peer_url);
    if (!peer_url) return fail(peer_url.error());
    const auto add = [&](const std::string& as) {
      there.push_back(std::make_unique<Access>(*paths, *peer_url, as, options.peer_expect, options.timeout));
      return &others.emplace_back(probe_of(*there.back(), habits));
    };
    probes.slave = add(options.peer_as);
    probes.stranger = add(options.as);
    if (!options.other_as.empty()) probes.other = add(options.other_as);
  }
  for (CheckRow& row : CheckSuite({options.sae, options.peer_sae, options.other_sae}, probes, habits).run()) rows.push_back(std::move(row));
  if (options.output == cli::Output::json) cli::print_json(check_json(url->text(), rows));
  else cli::print(check_table(rows));
  if (!any_failed(rows)) return {};
  return fail({Code::policy, "check", url->text(), "the entity does not keep to ETSI GS QKD 014", "the checks that failed say where"});
}

}  // namespace
}  // namespace tlspool::qkd

namespace tlspool::cli {
Status qkd_check(const QkdCheckOptions& options) { return qkd::run(options); }
}  // namespace tlspool::cli
