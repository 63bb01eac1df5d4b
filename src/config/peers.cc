// SPDX-License-Identifier: Apache-2.0
#include "config/peers.h"

#include <algorithm>

#include "base/text.h"
#include "base/url.h"

namespace tlspool::config {
namespace {

using wire::Exhausted;
using wire::IdentityForm;
using wire::IdForm;
using wire::KeyExchange;
using wire::KeyHash;
using wire::KeyMode;
using wire::KeyObject;
using wire::KeySource;
using wire::KeyUse;
using wire::PeerSetup;
using wire::SessionIdForm;

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_label = 255;
constexpr std::size_t longest_yubihsm_label = 40;
constexpr std::size_t longest_session_id = 32;  // RFC 5246 section 7.4.1.2
constexpr std::uint32_t longest_identity12 = 256;  // OpenSSL's PSK_MAX_IDENTITY_LEN
constexpr std::uint32_t longest_identity13 = 4096;

bool is_plain(std::string_view text, std::string_view refused) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return c >= 0x20 && c < 0x7f && refused.find(c) == std::string_view::npos; });
}

void check_text(Section& s, std::string_view key, const std::string& text, std::size_t longest, std::string_view refused = {}) {
  if (!text.empty() && text.size() <= longest && is_plain(text, refused)) return;
  std::string but;
  for (const char c : refused) but += (but.empty() ? " but not " : " or ") + (c == ' ' ? std::string("a space") : std::string(1, c));
  s.wrong(key, "must have 1 to " + std::to_string(longest) + " characters: ASCII" + but);
}

/// A name that is compared with those that peers prove.
void read_identity_name(Section& s, std::string_view key, std::string& out) {
  s.text(key, out);
  if (out.empty()) {
    if (s.has(key)) s.wrong(key, "is empty");
    return;
  }
  if (auto normal = normal_identity(out)) {
    out = *normal;
  } else {
    s.wrong(key, "is no host name and no user@domain: " + normal.error().reason);
  }
}

void read_label(Section& s, std::string_view key, std::string& out) {
  s.text(key, out);
  if (s.has(key)) check_text(s, key, out, longest_label, " ");
}

/// Keys that mean something in other tables of this kind only.
void refuse_keys(Section& s, std::initializer_list<std::string_view> keys, const std::string& why) {
  for (const std::string_view key : keys) {
    if (s.has(key)) s.wrong(key, why);
  }
}

void read_source(Section& s, PeerSetup& m) {
  if (m.use == KeyUse::session) m.source = KeySource::psk;
  s.word<KeySource>("source", {{"token", KeySource::token}, {"kme", KeySource::kme}, {"psk", KeySource::psk}}, m.source);
  s.text("kme", m.kme);
  s.text("sae", m.sae);
  if (s.has("sae")) check_text(s, "sae", m.sae, longest_name * 2, " /");
  s.text("psk", m.psk);
  s.flag("deliver", m.deliver);
  if (m.use == KeyUse::session && m.source != KeySource::psk) {
    s.wrong("source", "must be \"psk\" with use = \"session\"", "put the secret in with `tlspool psk add`");
  }
  if (m.source == KeySource::kme && (m.kme.empty() || m.sae.empty())) {
    s.wrong("source", "= \"kme\" needs kme, the name of a [[kme]], and sae, the peer's SAE id");
  }
  if (m.source == KeySource::psk) {
    refuse_keys(s, {"kme", "sae", "deliver"}, "has no meaning for a lasting key (source = \"psk\")");
    if (m.psk.empty() && !s.has("psk")) m.psk = m.name;
    if (m.psk.empty() || m.psk.size() > longest_name || !is_plain(m.psk, " :/\"\\")) {
      s.wrong("psk", "must be the name of a key of `tlspool psk`: 1 to 64 characters, ASCII but no blank and none of : / \" \\");
    }
  } else {
    refuse_keys(s, {"psk"}, "has a meaning with source = \"psk\" only");
  }
  if (!m.kme.empty() && m.sae.empty()) s.wrong("kme", "is there without sae, the peer's SAE id");
  if (m.deliver && m.source != KeySource::token) s.wrong("deliver", "has a meaning with source = \"token\" only");
}

void read_object(Section& s, PeerSetup& m) {
  bool yubihsm = false;
  s.word<bool>("profile", {{"standard", false}, {"yubihsm", true}}, yubihsm);
  if (yubihsm) m.object = KeyObject::data;
  m.id_form = m.source == KeySource::psk ? IdForm::text
              : m.source == KeySource::kme ? IdForm::uuid
              : yubihsm                    ? IdForm::brief
                                           : IdForm::number;
  const IdForm due = m.id_form;
  s.word<IdForm>("id", {{"number", IdForm::number}, {"text", IdForm::text}, {"uuid", IdForm::uuid}, {"brief", IdForm::brief}}, m.id_form);
  s.word<KeyObject>("object", {{"secret", KeyObject::secret}, {"data", KeyObject::data}}, m.object);
  s.word<KeyMode>("mode", {{"plain", KeyMode::plain}, {"derived", KeyMode::derived}}, m.mode);
  if (m.source == KeySource::psk) {
    refuse_keys(s, {"id"}, "has no meaning for a lasting key (source = \"psk\"): its name is its id");
    refuse_keys(s, {"object", "profile"}, "has no meaning for a lasting key (source = \"psk\"): its token stores it as a generic secret key, "
                                          "which a YubiHSM2 doesn't do");
  }
  if (m.source == KeySource::kme && m.id_form != due) {
    s.wrong("id", "must be \"uuid\" with source = \"kme\": so its keys are named");
  }
  if (m.source == KeySource::kme) refuse_keys(s, {"token", "object", "profile"}, "has no meaning with source = \"kme\": its keys lie in no token");
  if (yubihsm) {
    if (m.id_form != due) s.wrong("id", "must be \"brief\" with profile = \"yubihsm\": its ids have 2 bytes");
    if (m.object != KeyObject::data) s.wrong("object", "must be \"data\" with profile = \"yubihsm\": it gives nothing else back");
    if (m.store.size() > longest_yubihsm_label) {
      s.wrong("store", "must have at most " + std::to_string(longest_yubihsm_label) + " characters with profile = \"yubihsm\": its labels have 40 bytes");
    }
  }
  if (m.mode != KeyMode::derived) return;
  if (m.object == KeyObject::data) s.wrong("mode", "= \"derived\" needs object = \"secret\": a token computes with nothing else");
  if (m.source == KeySource::kme) s.wrong("mode", "= \"derived\" needs keys in a token, which those of source = \"kme\" never are");
  if (m.deliver) s.wrong("deliver", "needs mode = \"plain\": keys of mode = \"derived\" never leave their token");
  if (m.use == KeyUse::session) s.wrong("mode", "= \"derived\" has no meaning with use = \"session\"");
}

void read_exchange(Section& s, PeerSetup& m) {
  const bool session = m.use == KeyUse::session;
  m.tls13 = !session;
  s.word<bool>("version", {{"1.2", false}, {"1.3", true}}, m.tls13);
  if (session && m.tls13) s.wrong("version", "must be \"1.2\" with use = \"session\"");
  m.exchange = m.tls13 ? KeyExchange::ecdhe : KeyExchange::dhe;
  s.word<KeyExchange>("exchange", {{"ecdhe", KeyExchange::ecdhe}, {"dhe", KeyExchange::dhe}, {"none", KeyExchange::none}}, m.exchange);
  bool forward_secrecy = true;
  s.flag("forward_secrecy", forward_secrecy);
  const bool sha256_only = !session && !m.tls13 && m.exchange == KeyExchange::ecdhe;
  m.hash = sha256_only ? KeyHash::sha256 : KeyHash::sha384;
  s.word<KeyHash>("hash", {{"sha256", KeyHash::sha256}, {"sha384", KeyHash::sha384}}, m.hash);
  if (session) return refuse_keys(s, {"exchange", "forward_secrecy", "hash"}, "has no meaning with use = \"session\": suite says it");
  if (m.tls13 && m.exchange != KeyExchange::ecdhe) {
    s.wrong("exchange", "must be \"ecdhe\" with version = \"1.3\"", "TLS 1.3 knows no other here");
  }
  if (m.exchange == KeyExchange::none && forward_secrecy) {
    s.wrong("exchange", "= \"none\" gives no forward secrecy: who learns the key reads what was recorded",
            "write forward_secrecy = false beside it, or choose \"dhe\" or \"ecdhe\"");
  }
  if (sha256_only && m.hash != KeyHash::sha256) {
    s.wrong("hash", "must be \"sha256\" with exchange = \"ecdhe\" of TLS 1.2",
            "its suite is ECDHE-PSK-CHACHA20-POLY1305; exchange = \"dhe\" has one with sha384");
  }
}

void read_identity_form(Section& s, PeerSetup& m) {
  s.word<IdentityForm>("identity_form",
                       {{"pkcs", IdentityForm::pkcs}, {"cqptoolkit", IdentityForm::cqptoolkit}, {"pkcs11", IdentityForm::pkcs11},
                        {"text", IdentityForm::text}}, m.identity_form);
  s.text("identity", m.identity);
  s.number("longest_identity", 16, m.tls13 ? longest_identity13 : longest_identity12, m.longest_identity);
  if (m.use == KeyUse::session) return refuse_keys(s, {"identity_form", "identity", "longest_identity"}, "has no meaning with use = \"session\"");
  if (m.identity_form == IdentityForm::cqptoolkit && m.mode == KeyMode::derived) {
    s.wrong("identity_form", "= \"cqptoolkit\" does not go with mode = \"derived\", of which that form knows nothing");
  }
  if (m.identity_form != IdentityForm::text) return refuse_keys(s, {"identity"}, "needs identity_form = \"text\"");
  if (m.source != KeySource::psk) s.wrong("identity_form", "= \"text\" needs source = \"psk\": it names one key for ever");
  if (m.roles == (wire::role_client | wire::role_server)) {
    s.wrong("identity_form", "= \"text\" needs exactly one role: a key that serves both directions lets connections be reflected",
            "write role = [\"client\"] on one side and role = [\"server\"] on the other");
  }
  if (m.mode == KeyMode::derived) s.wrong("identity_form", "= \"text\" does not go with mode = \"derived\", which the identity must say");
  if (m.identity.empty()) s.wrong("identity", "is missing or empty, which identity_form = \"text\" needs");
  if (m.identity.size() > m.longest_identity) {
    s.wrong("identity", "is longer than longest_identity, " + std::to_string(m.longest_identity) + " bytes");
  }
  const std::string start = lower(m.identity.substr(0, 7));
  if (start.starts_with("pkcs:") || start.starts_with("pkcs11:")) {
    s.wrong("identity", "must not begin as one that names a key store", "leave identity_form and identity out");
  }
}

void read_exhausted(Section& s, PeerSetup& m) {
  s.word<Exhausted>("exhausted", {{"fail", Exhausted::fail}, {"wait", Exhausted::wait}, {"certificate", Exhausted::certificate}}, m.exhausted);
  std::uint32_t seconds = m.wait_ms / 1000;
  s.number("wait", 1, 600, seconds);
  m.wait_ms = seconds * 1000;
  s.number("low_water", 0, 1'000'000, m.low_water);
  if (m.use == KeyUse::session) refuse_keys(s, {"exhausted", "wait", "low_water"}, "has no meaning with use = \"session\"");
}

void read_session(Section& s, PeerSetup& m) {
  const bool session = m.use == KeyUse::session;
  s.text("user", m.user);
  s.word<SessionIdForm>("session_id", {{"hmac", SessionIdForm::hmac}, {"user", SessionIdForm::user}}, m.session_id);
  s.text("seed", m.seed);
  KeyHash prf = KeyHash::sha256;
  s.word<KeyHash>("suite",
                  {{"ECDHE-ECDSA-AES128-GCM-SHA256", KeyHash::sha256}, {"ECDHE-RSA-AES128-GCM-SHA256", KeyHash::sha256},
                   {"ECDHE-ECDSA-AES256-GCM-SHA384", KeyHash::sha384}, {"ECDHE-RSA-AES256-GCM-SHA384", KeyHash::sha384},
                   {"ECDHE-ECDSA-CHACHA20-POLY1305", KeyHash::sha256}, {"ECDHE-RSA-CHACHA20-POLY1305", KeyHash::sha256}},
                  prf);
  if (session) m.suite = "ECDHE-ECDSA-AES128-GCM-SHA256";
  s.text("suite", m.suite);
  s.flag("extended_master_secret", m.extended_master_secret);
  if (!session) {
    return refuse_keys(s, {"user", "session_id", "seed", "suite", "extended_master_secret"}, "has a meaning with use = \"session\" only");
  }
  m.hash = prf;
  if (m.user.empty() || m.user.size() > longest_label) s.wrong("user", "must have 1 to 255 bytes with use = \"session\"");
  if (m.session_id == SessionIdForm::user && m.user.size() > longest_session_id) {
    s.wrong("user", "must have at most 32 bytes with session_id = \"user\": more a session id does not hold",
            "leave session_id out: \"hmac\" takes any length");
  }
  if (m.seed.size() > longest_label) s.wrong("seed", "must have at most 255 bytes");
}

}  // namespace

void SharedKeyTables::read_keystore(Section s) {
  read_label(s, "address", address_);
  s.done();
}

void SharedKeyTables::read_peers(Section& root) {
  for (Section& s : root.sections("kme")) read_kme(std::move(s));
  for (Section& s : root.sections("peer")) read_peer(std::move(s));
}

void SharedKeyTables::read_kme(Section s) {
  Kme kme{{}, s.place()};
  s.needed_text("name", kme.setup.name);
  if (s.has("name")) check_text(s, "name", kme.setup.name, longest_name);
  std::string url;
  s.needed_text("url", url);
  if (auto parsed = parse_https_url(url)) {
    kme.setup.host = parsed->host;
    kme.setup.port = parsed->port;
    kme.setup.path = parsed->path;
  } else {
    s.wrong("url", "can't be used: " + parsed.error().reason, parsed.error().advice);
  }
  s.needed_text("identity", kme.setup.identity);
  read_identity_name(s, "identity", kme.setup.identity);
  kme.setup.expect = kme.setup.host;
  read_identity_name(s, "expect", kme.setup.expect);
  std::uint32_t seconds = kme.setup.timeout_ms / 1000;
  s.number("timeout", 1, 600, seconds);
  kme.setup.timeout_ms = seconds * 1000;
  s.done();
  kmes_.push_back(std::move(kme));
}

void SharedKeyTables::read_peer(Section s) {
  Peer peer{{}, s.place()};
  PeerSetup& m = peer.setup;
  s.needed_text("name", m.name);
  read_identity_name(s, "name", m.name);
  read_roles(s, m.roles);
  read_identity_name(s, "as", m.local_identity);
  s.word<KeyUse>("use", {{"psk", KeyUse::psk}, {"session", KeyUse::session}}, m.use);
  s.word<bool>("when", {{"always", false}, {"asked", true}}, m.only_if_asked);
  read_label(s, "address", m.address);
  m.store = m.name;
  read_label(s, "store", m.store);
  s.text("token", m.token);
  if (s.has("token") && m.token.empty()) s.wrong("token", "is empty");
  read_source(s, m);
  read_object(s, m);
  read_exchange(s, m);
  read_identity_form(s, m);
  read_exhausted(s, m);
  read_session(s, m);
  s.done();
  peers_.push_back(std::move(peer));
}

}  // namespace tlspool::config
