// SPDX-License-Identifier: Apache-2.0
#include "config/peers.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/url.h"
#include "config/tables.h"

namespace tlspool::config {
namespace {

using wire::PeerSetup;

constexpr std::size_t longest_address = 255;
constexpr std::size_t longest_psk_name = 64;
constexpr std::size_t longest_user = 255;
constexpr std::size_t longest_session_id = 32;  // RFC 5246 section 7.4.1.2

// What a phantom session may pretend to: the pool's own suites of TLS 1.2 (tls/context.cc).
constexpr std::array<std::string_view, 6> suites12 = {
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",   "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",   "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"};

bool printable_word(const std::string& text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

void read_address(Section& s, std::string_view key, std::string& out) {
  s.text(key, out);
  if (s.has(key) && !printable_word(out, longest_address)) s.wrong(key, "must have 1 to 255 printable characters and no blank");
}

void read_identity_name(Section& s, std::string_view key, std::string& out) {
  if (out.empty()) return;
  if (auto name = normal_identity(out)) {
    out = *name;
  } else {
    s.wrong(key, "is no host name and no user@domain: " + name.error().reason);
  }
}

// Where the keys come from.
void read_source(Section& s, PeerSetup& p) {
  using wire::KeySource;
  s.word<KeySource>("source", {{"token", KeySource::token}, {"kme", KeySource::kme}, {"psk", KeySource::psk}}, p.source);
  read_address(s, "address", p.address);
  p.store = p.name;
  read_address(s, "store", p.store);
  s.text("token", p.token);
  bool yubihsm = false;
  s.word<bool>("profile", {{"standard", false}, {"yubihsm", true}}, yubihsm);
  using wire::IdForm;
  p.id_form = p.source == KeySource::kme ? IdForm::uuid : yubihsm ? IdForm::brief : IdForm::number;
  s.word<IdForm>("id", {{"number", IdForm::number}, {"text", IdForm::text}, {"uuid", IdForm::uuid}, {"brief", IdForm::brief}}, p.id_form);
  using wire::KeyObject;
  p.object = yubihsm ? KeyObject::data : KeyObject::secret;
  s.word<KeyObject>("object", {{"secret", KeyObject::secret}, {"data", KeyObject::data}}, p.object);
  using wire::KeyMode;
  s.word<KeyMode>("mode", {{"plain", KeyMode::plain}, {"derived", KeyMode::derived}}, p.mode);
  s.flag("deliver", p.deliver);
  s.text("kme", p.kme);
  s.text("sae", p.sae);
  p.psk = p.source == KeySource::psk ? p.name : "";
  s.text("psk", p.psk);
  if (p.source == KeySource::kme) {
    if (p.kme.empty()) s.wrong(s.line(), "[peer] with source = \"kme\" must name its kme");
    if (p.sae.empty()) s.wrong(s.line(), "[peer] with source = \"kme\" must give the sae of the other side");
    if (p.id_form != IdForm::uuid) s.wrong("id", "must be \"uuid\" with source = \"kme\": that is how the entity names keys");
    if (p.mode == KeyMode::derived) s.wrong("mode", "can't be \"derived\" with source = \"kme\": its keys lie in no token");
    if (p.deliver) s.wrong("deliver", "needs source = \"token\"");
  }
  if (p.source == KeySource::psk) {
    const bool bad = !printable_word(p.psk, longest_psk_name) || p.psk.find_first_of(":/") != std::string::npos;
    if (bad) s.wrong(s.has("psk") ? s.line("psk") : s.line(), "[peer] psk must be a name of 1 to 64 printable characters without : and /");
    if (p.deliver) s.wrong("deliver", "needs source = \"token\"");
  } else if (!p.psk.empty()) {
    s.wrong("psk", "needs source = \"psk\"");
  }
  if (p.mode == KeyMode::derived && p.object == KeyObject::data) {
    s.wrong("mode", "can't be \"derived\" with data objects: a token computes with keys alone");
  }
  if (yubihsm && p.store.size() > 40) s.wrong(s.line(), "[peer] store is longer than the 40 bytes of a YubiHSM2's label");
}

// The TLS that is made of a pre-shared key.
void read_tls(Section& s, PeerSetup& p) {
  using wire::KeyExchange;
  using wire::KeyHash;
  using wire::KeyUse;
  p.tls13 = p.use == KeyUse::psk;
  s.word<bool>("version", {{"1.2", false}, {"1.3", true}}, p.tls13);
  p.exchange = p.tls13 ? KeyExchange::ecdhe : KeyExchange::dhe;
  s.word<KeyExchange>("exchange", {{"ecdhe", KeyExchange::ecdhe}, {"dhe", KeyExchange::dhe}, {"none", KeyExchange::none}}, p.exchange);
  const bool chacha = !p.tls13 && p.exchange == KeyExchange::ecdhe;
  p.hash = chacha ? KeyHash::sha256 : KeyHash::sha384;
  s.word<KeyHash>("hash", {{"sha256", KeyHash::sha256}, {"sha384", KeyHash::sha384}}, p.hash);
  bool forward_secrecy = true;
  s.flag("forward_secrecy", forward_secrecy);
  if (p.use == KeyUse::session) {
    if (p.tls13) s.wrong("version", "must be \"1.2\" with use = \"session\": TLS 1.3 has no such cache");
    return;
  }
  if (p.tls13 && p.exchange != KeyExchange::ecdhe) s.wrong("exchange", "must be \"ecdhe\" with version = \"1.3\"");
  if (chacha && p.hash != KeyHash::sha256) {
    s.wrong("hash", "must be \"sha256\": the one suite of TLS 1.2 with a pre-shared key and ECDHE is ECDHE-PSK-CHACHA20-POLY1305",
            "or take exchange = \"dhe\"");
  }
  if (p.exchange == KeyExchange::none && forward_secrecy) {
    s.wrong("exchange", "\"none\" has no forward secrecy: who gets the key later reads what was recorded",
            "take \"dhe\" or \"ecdhe\", or say forward_secrecy = false");
  }
}

void read_identity_form(Section& s, PeerSetup& p) {
  using wire::IdentityForm;
  s.word<IdentityForm>("identity_form",
                       {{"pkcs", IdentityForm::pkcs}, {"cqptoolkit", IdentityForm::cqptoolkit}, {"pkcs11", IdentityForm::pkcs11}, {"text", IdentityForm::text}},
                       p.identity_form);
  s.text("identity", p.identity);
  s.number("longest_identity", 16, p.tls13 ? 4096 : 256, p.longest_identity);
  if (p.identity_form == IdentityForm::text) {
    if (p.identity.empty()) s.wrong(s.line(), "[peer] identity_form = \"text\" needs the identity");
    if (p.source != wire::KeySource::psk) s.wrong("identity_form", "\"text\" needs source = \"psk\": a one-time key has a number, which the identity carries");
    if (p.roles == (wire::role_client | wire::role_server)) {
      s.wrong("identity_form", "\"text\" needs exactly one role: otherwise who reflects our connections would be taken for the peer",
              "say role = [\"client\"] on one side and role = [\"server\"] on the other");
    }
    if (p.identity.size() > p.longest_identity) s.wrong("identity", "is longer than longest_identity");
  } else if (!p.identity.empty()) {
    s.wrong("identity", "needs identity_form = \"text\"");
  }
  if (p.identity_form == IdentityForm::cqptoolkit && p.mode == wire::KeyMode::derived) {
    s.wrong("identity_form", "\"cqptoolkit\" knows no derived keys");
  }
}

// What is done when there is no key.
void read_shortage(Section& s, PeerSetup& p) {
  using wire::Exhausted;
  s.word<Exhausted>("exhausted", {{"fail", Exhausted::fail}, {"wait", Exhausted::wait}, {"certificate", Exhausted::certificate}}, p.exhausted);
  std::uint32_t seconds = p.wait_ms / 1000;
  s.number("wait", 1, 600, seconds);
  p.wait_ms = seconds * 1000;
  s.number("low_water", 0, 1'000'000, p.low_water);
}

void read_phantom(Section& s, PeerSetup& p) {
  using wire::SessionIdForm;
  s.text("user", p.user);
  s.word<SessionIdForm>("session_id", {{"hmac", SessionIdForm::hmac}, {"user", SessionIdForm::user}}, p.session_id);
  s.text("seed", p.seed);
  if (p.use == wire::KeyUse::session) p.suite = "ECDHE-ECDSA-AES128-GCM-SHA256";
  s.text("suite", p.suite);
  s.flag("extended_master_secret", p.extended_master_secret);
  if (p.use != wire::KeyUse::session) {
    for (const char* key : {"user", "session_id", "seed", "suite", "extended_master_secret"}) {
      if (s.has(key)) s.wrong(key, "needs use = \"session\"");
    }
    return;
  }
  if (p.source != wire::KeySource::psk) s.wrong(s.line(), "[peer] with use = \"session\" needs source = \"psk\": the session is made again and again");
  if (p.mode == wire::KeyMode::derived) s.wrong("mode", "can't be \"derived\" with use = \"session\"");
  if (p.user.empty()) s.wrong(s.line(), "[peer] with use = \"session\" needs a user");
  if (p.user.size() > longest_user) s.wrong("user", "has more than 255 bytes");
  if (p.session_id == SessionIdForm::user && p.user.size() > longest_session_id) {
    s.wrong("session_id", "\"user\" needs a user of at most 32 bytes", "take \"hmac\"");
  }
  if (std::find(suites12.begin(), suites12.end(), p.suite) == suites12.end()) {
    std::string known;
    for (const std::string_view name : suites12) known += (known.empty() ? "" : ", ") + std::string(name);
    s.wrong("suite", "is no suite of TLS 1.2 that the pool has", "known here: " + known);
  }
  if (p.seed.size() > 255) s.wrong("seed", "has more than 255 bytes");
  // The PRF of TLS 1.2 goes by the suite (RFC 5246 section 5).
  p.hash = p.suite.ends_with("SHA384") ? wire::KeyHash::sha384 : wire::KeyHash::sha256;
}

}  // namespace

void read_keystore(Section s, Config& config) {
  read_address(s, "address", config.keystore_address);
  s.done();
}

void read_kme(Section s, Config& config) {
  wire::KmeSetup kme;
  s.needed_text("name", kme.name);
  std::string url;
  s.needed_text("url", url);
  if (auto parts = parse_https_url(url)) {
    kme.host = parts->host;
    kme.port = parts->port;
    kme.path = parts->path;
  } else {
    s.wrong("url", "is no https URL: " + parts.error().reason);
  }
  s.needed_text("identity", kme.identity);
  read_identity_name(s, "identity", kme.identity);
  kme.expect = kme.host;
  s.text("expect", kme.expect);
  read_identity_name(s, s.has("expect") ? "expect" : "url", kme.expect);
  std::uint32_t seconds = kme.timeout_ms / 1000;
  s.number("timeout", 1, 600, seconds);
  kme.timeout_ms = seconds * 1000;
  s.done();
  for (const auto& other : config.kmes) {
    if (other.name == kme.name) s.wrong("name", "\"" + printable(kme.name) + "\" is there twice");
  }
  config.kme_places.push_back(s.where());
  config.kmes.push_back(std::move(kme));
}

void read_peer(Section s, Config& config) {
  PeerSetup p;
  s.needed_text("name", p.name);
  read_identity_name(s, "name", p.name);
  read_roles(s, p.roles);
  s.text("as", p.local_identity);
  read_identity_name(s, "as", p.local_identity);
  s.word<wire::KeyUse>("use", {{"psk", wire::KeyUse::psk}, {"session", wire::KeyUse::session}}, p.use);
  s.word<bool>("when", {{"always", false}, {"asked", true}}, p.only_if_asked);
  read_source(s, p);
  read_tls(s, p);
  read_identity_form(s, p);
  read_shortage(s, p);
  read_phantom(s, p);
  s.done();
  config.peer_places.push_back(s.where());
  config.peers.push_back(std::move(p));
}

}  // namespace tlspool::config
