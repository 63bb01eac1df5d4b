// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <ctime>

#include "base/handle.h"
#include "base/text.h"
#include "cli/address.h"
#include "cli/admin.h"
#include "cli/certificate.h"
#include "cli/output.h"
#include "cli/trust_commands.h"
#include "tls/openssl.h"
#include "tlspool/tlspool.h"

namespace tlspool::cli {
namespace {

constexpr std::chrono::milliseconds dial_patience{30000};

using Session = std::unique_ptr<tlspool_session, Freed<tlspool_session_free>>;
using Certificates = std::unique_ptr<tlspool_certificates, Freed<tlspool_certificates_free>>;

/// The certificate that a server shows; nothing vouches for it.
Result<Bytes> leaf_shown_at(const PinPeerAddOptions& options, const config::Paths& paths) {
  const auto where = HostPort::parse(options.connect);
  if (!where) return fail(where.error());
  auto socket = connect_tcp(*where, dial_patience);
  if (!socket) return fail(std::move(socket.error()));
  const auto host = normal_host(options.name.substr(options.name.find('@') + 1));
  tlspool_options how = TLSPOOL_OPTIONS_INIT;
  how.pool = paths.directory.c_str();
  how.remote_proof = TLSPOOL_PROOF_NONE;
  how.server_name = host && !is_ip_address(*host) ? host->c_str() : nullptr;
  how.service = options.service.empty() ? "pin-peer" : options.service.c_str();
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_session* raw = nullptr;
  const UniqueFd plain{tlspool_starttls_client(socket->get(), nullptr, &how, &raw, &error)};
  if (!plain.valid()) return fail({Code::tls, "connect", options.connect, error.message, {}});
  static_cast<void>(socket->release());
  const Session session(raw);
  tlspool_certificates* list = nullptr;
  const int count = tlspool_peer_certificates(session.get(), &list, &error);
  const Certificates certificates(list);
  if (count < 0) return fail({Code::tls, "certificates", options.connect, error.message, {}});
  std::size_t size = 0;
  const unsigned char* der = count == 0 ? nullptr : tlspool_certificate_der(list, 0, &size);
  if (der == nullptr) return fail({Code::certificate, "certificates", options.connect, "the server showed none", {}});
  return Bytes(der, der + size);
}

struct ToPin {
  PinPeerAddOptions::Of of = PinPeerAddOptions::Of::key;
  Bytes digest;
};

Result<ToPin> key_of(const Bytes& der) {
  const auto certificate = tls::certificate_from_der(der);
  if (!certificate) return fail(certificate.error());
  return ToPin{PinPeerAddOptions::Of::key, tls::spki_digest(certificate->get())};
}

Result<ToPin> what_to_pin(const PinPeerAddOptions& options, const config::Paths& paths) {
  if (!options.spki.empty()) {
    const auto digest = unhex(options.spki);
    if (digest && digest->size() == SHA256_DIGEST_LENGTH) return ToPin{PinPeerAddOptions::Of::key, *digest};
    return fail({Code::invalid, "--spki", printable(options.spki, 80), "the SHA-256 of a key has 64 hexadecimal digits", {}});
  }
  if (!options.connect.empty()) {
    const auto der = leaf_shown_at(options, paths);
    return der ? key_of(*der) : fail(der.error());
  }
  const auto chain = read_chain(options.certificate);
  if (!chain) return fail(chain.error());
  if (options.of == PinPeerAddOptions::Of::key) return key_of(chain->front());
  return ToPin{PinPeerAddOptions::Of::certificate, tls::sha256(chain->front())};
}

std::string expiry_of(const wire::Value& pin, std::int64_t now) {
  if (pin.find("expires") == nullptr) return "never";
  const std::int64_t expires = pin.number("expires");
  return expires <= now ? "expired" : day_of(expires);
}

void print_changes(const wire::Value& changes) {
  for (const wire::Value& c : *changes.elements()) {
    print(fmt::format("CHANGED: {}{} showed another key than the pinned one, {} times, first {} and last {} UTC\n", or_dash(c, "identity"),
                      c.find("service") == nullptr ? "" : " for " + or_dash(c, "service"), c.number("times"), timestamp(c.number("first")),
                      timestamp(c.number("last"))));
    print(fmt::format("  pinned {}\n  shown  {}\n", or_dash(c, "pinned"), or_dash(c, "shown")));
  }
}

}  // namespace

Status pin_peer_add(const PinPeerAddOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto pin = what_to_pin(options, *paths);
  if (!pin) return fail(pin.error());
  wire::Value parameters = wire::Value::object();
  const bool key = pin->of == PinPeerAddOptions::Of::key;
  parameters.set("identity", options.name).set("of", key ? "key" : "certificate").set("sha256", hex(pin->digest));
  if (!options.service.empty()) parameters.set("service", options.service);
  if (options.days != 0) parameters.set("days", options.days);
  const auto reply = call_admin(*paths, "AddPin", std::move(parameters));
  if (!reply) return fail(reply.error());
  const wire::Value* made = reply->parameters.find("pin");
  print(fmt::format("{} is pinned to the {} {}\n", made == nullptr ? options.name : or_dash(*made, "identity"), key ? "key" : "certificate", hex(pin->digest)));
  if (!options.connect.empty()) {
    print(fmt::format("this is what {} showed just now, and nothing vouches for it: compare it with what the other side says it is\n", printable(options.connect)));
  }
  return {};
}

Status pin_peer_list(const PinPeerListOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  wire::Value pins = wire::Value::array();
  wire::Value changes = wire::Value::array();
  for (bool more = true; more;) {
    const auto reply = call_admin(*paths, "ListPins", wire::Value::object().set("from", pins.elements()->size()));
    if (!reply) return fail(reply.error());
    const std::size_t before = pins.elements()->size();
    for (const wire::Value& pin : elements(reply->parameters, "pins")) pins.push(pin);
    for (const wire::Value& change : elements(reply->parameters, "changes")) changes.push(change);
    more = reply->parameters.flag("more") && pins.elements()->size() > before;
  }
  if (options.output == Output::json) {
    print_json(wire::Value::object().set("pins", std::move(pins)).set("changes", std::move(changes)));
    return {};
  }
  print_changes(changes);
  if (pins.elements()->empty()) {
    print("nothing is pinned\n");
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  const std::int64_t now = std::time(nullptr);
  for (const wire::Value& pin : *pins.elements()) {
    rows.push_back({or_dash(pin, "identity"), or_dash(pin, "service"), or_dash(pin, "of"), pin.text("origin") == "administrator" ? "by hand" : "first use",
                    day_of(pin.number("added")), expiry_of(pin, now), or_dash(pin, "sha256")});
  }
  print(table({"NAME", "SERVICE", "OF", "PINNED", "SINCE", "EXPIRES", "SHA-256"}, rows));
  return {};
}

Status pin_peer_remove(const PinPeerRemoveOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  wire::Value parameters = wire::Value::object().set("identity", options.name);
  if (!options.sha256.empty()) parameters.set("sha256", options.sha256);
  if (!options.service.empty()) parameters.set("service", options.service);
  const auto reply = call_admin(*paths, "RemovePin", std::move(parameters));
  if (!reply) return fail(reply.error());
  const std::int64_t removed = reply->parameters.number("removed");
  if (removed == 0) return fail({Code::not_found, "pin-peer remove", printable(options.name), "no such pin", command_for(*paths) + " pin-peer list"});
  print(fmt::format("{} {} removed; open sessions go on\n", removed, removed == 1 ? "pin is" : "pins are"));
  return {};
}

}  // namespace tlspool::cli
