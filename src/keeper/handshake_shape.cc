// SPDX-License-Identifier: Apache-2.0
#include "keeper/handshake_shape.h"

#include <algorithm>
#include <array>
#include <optional>

#include "tls/cursor.h"

namespace tlspool::keeper {
namespace {

using tls::Cursor;

/// Named groups with the length of their points in ServerECDHParams (RFC 8422 section 5.4.1).
struct Group {
  std::uint16_t id;
  std::size_t point;
  bool uncompressed;  // the point starts with 4
};
constexpr std::array groups{
    Group{23, 65, true}, Group{24, 97, true}, Group{25, 133, true}, Group{29, 32, false}, Group{30, 56, false},
};

enum class Message : std::uint8_t {
  client_hello = 1,
  server_hello = 2,
  certificate = 11,
  server_key_exchange = 12,
  certificate_request = 13,
  server_hello_done = 14,
  client_key_exchange = 16,
  certificate_status = 22,
};

bool extensions_end(Cursor& body) {
  if (body.at_end()) return true;  // RFC 5246 section 7.4.1.2: none is possible
  Cursor list{body.vector(2)};
  if (!body.at_end()) return false;
  while (list.good() && !list.at_end()) {
    list.take(2);
    list.vector(2);
  }
  return list.good();
}

bool is_client_hello(ByteView bytes) {
  Cursor body{bytes};
  if (body.number(2) != 0x0303) return false;
  body.take(32);
  if (body.vector(1).size() > 32) return false;
  const ByteView suites = body.vector(2);
  if (suites.size() < 2 || suites.size() % 2 != 0) return false;
  if (body.vector(1).empty()) return false;
  return body.good() && extensions_end(body);
}

bool is_server_hello(ByteView bytes) {
  Cursor body{bytes};
  if (body.number(2) != 0x0303) return false;
  body.take(32);
  if (body.vector(1).size() > 32) return false;
  body.take(2);
  if (body.number(1) != 0) return false;  // compression
  return body.good() && extensions_end(body);
}

bool is_certificate(ByteView bytes) {
  Cursor body{bytes};
  Cursor list{body.vector(3)};
  if (!body.at_end()) return false;
  while (list.good() && !list.at_end()) {
    if (list.vector(3).empty()) return false;
  }
  return list.good();
}

bool take_server_params(Cursor& body) {
  if (body.number(1) != 3) return false;  // named_curve
  const std::size_t id = body.number(2);
  const auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.id == id; });
  if (group == groups.end()) return false;
  const ByteView point = body.vector(1);
  if (!body.good() || point.size() != group->point) return false;
  return !group->uncompressed || point[0] == 4;
}

bool is_server_key_exchange(ByteView bytes) {
  Cursor body{bytes};
  if (!take_server_params(body)) return false;
  body.take(2);
  return !body.vector(2).empty() && body.at_end();
}

bool is_certificate_request(ByteView bytes) {
  Cursor body{bytes};
  if (body.vector(1).empty()) return false;
  const ByteView schemes = body.vector(2);
  if (schemes.empty() || schemes.size() % 2 != 0) return false;
  body.vector(2);
  return body.at_end();
}

bool is_client_key_exchange(ByteView bytes) {
  Cursor body{bytes};
  return !body.vector(1).empty() && body.at_end();
}

bool is_certificate_status(ByteView bytes) {
  Cursor body{bytes};
  return body.number(1) == 1 && !body.vector(3).empty() && body.at_end();
}

bool body_fits(Message type, ByteView body) {
  switch (type) {
    case Message::client_hello: return is_client_hello(body);
    case Message::server_hello: return is_server_hello(body);
    case Message::certificate: return is_certificate(body);
    case Message::server_key_exchange: return is_server_key_exchange(body);
    case Message::certificate_request: return is_certificate_request(body);
    case Message::server_hello_done: return body.empty();
    case Message::client_key_exchange: return is_client_key_exchange(body);
    case Message::certificate_status: return is_certificate_status(body);
  }
  return false;
}

struct Step {
  Message type;
  bool optional;
};
// RFC 5246 section 7.3, up to the client's CertificateVerify. Static RSA suites, which have no
// ServerKeyExchange, are not offered.
constexpr std::array transcript{
    Step{Message::client_hello, false},        Step{Message::server_hello, false},
    Step{Message::certificate, false},         Step{Message::certificate_status, true},
    Step{Message::server_key_exchange, false}, Step{Message::certificate_request, false},
    Step{Message::server_hello_done, false},   Step{Message::certificate, false},
    Step{Message::client_key_exchange, false},
};

struct SchemeRule {
  std::uint16_t scheme;
  wire::KeyType type;
  bool tls12;
  bool tls13;
};
// RFC 8446 section 4.2.3. TLS 1.2 does not tie the curve to the hash; SHA-1 is in no row.
constexpr std::array scheme_rules{
    SchemeRule{0x0403, wire::KeyType::p256, true, true},  SchemeRule{0x0503, wire::KeyType::p256, true, false},
    SchemeRule{0x0603, wire::KeyType::p256, true, false}, SchemeRule{0x0403, wire::KeyType::p384, true, false},
    SchemeRule{0x0503, wire::KeyType::p384, true, true},  SchemeRule{0x0603, wire::KeyType::p384, true, false},
    SchemeRule{0x0401, wire::KeyType::rsa, true, false},  SchemeRule{0x0501, wire::KeyType::rsa, true, false},
    SchemeRule{0x0601, wire::KeyType::rsa, true, false},  SchemeRule{0x0804, wire::KeyType::rsa, true, true},
    SchemeRule{0x0805, wire::KeyType::rsa, true, true},   SchemeRule{0x0806, wire::KeyType::rsa, true, true},
    SchemeRule{0x0807, wire::KeyType::ed25519, true, true},
};

}  // namespace

bool is_tls13_certificate_verify(ByteView input, std::uint8_t role) {
  constexpr std::size_t spaces = 64;
  const std::string_view context =
      role == wire::role_server ? "TLS 1.3, server CertificateVerify" : "TLS 1.3, client CertificateVerify";
  Cursor text{input};
  const ByteView padding = text.take(spaces);
  if (!std::all_of(padding.begin(), padding.end(), [](std::uint8_t b) { return b == ' '; })) return false;
  if (text_of(text.take(context.size())) != context || text.number(1) != 0 || !text.good()) return false;
  const std::size_t hash = input.size() - spaces - context.size() - 1;
  return hash == 32 || hash == 48;
}

bool is_tls12_server_key_exchange(ByteView input) {
  Cursor text{input};
  text.take(64);  // client_random, server_random
  return take_server_params(text) && text.at_end();
}

bool is_tls12_client_transcript(ByteView input) {
  Cursor text{input};
  std::optional<Message> next;
  ByteView body;
  for (const Step& step : transcript) {
    if (!next) {
      next = static_cast<Message>(text.number(1));
      body = text.vector(3);
      if (!text.good()) return false;
    }
    if (*next != step.type) {
      if (step.optional) continue;
      return false;
    }
    if (!body_fits(step.type, body)) return false;
    next.reset();
  }
  return text.at_end();
}

bool scheme_fits(std::uint16_t scheme, wire::KeyType type, bool tls13) {
  return std::any_of(scheme_rules.begin(), scheme_rules.end(), [&](const SchemeRule& rule) {
    return rule.scheme == scheme && rule.type == type && (tls13 ? rule.tls13 : rule.tls12);
  });
}

std::string scheme_name(std::uint16_t scheme) {
  switch (scheme) {
    case 0x0401: return "rsa_pkcs1_sha256";
    case 0x0501: return "rsa_pkcs1_sha384";
    case 0x0601: return "rsa_pkcs1_sha512";
    case 0x0403: return "ecdsa_secp256r1_sha256";
    case 0x0503: return "ecdsa_secp384r1_sha384";
    case 0x0603: return "ecdsa_secp521r1_sha512";
    case 0x0804: return "rsa_pss_rsae_sha256";
    case 0x0805: return "rsa_pss_rsae_sha384";
    case 0x0806: return "rsa_pss_rsae_sha512";
    case 0x0807: return "ed25519";
    default: return std::to_string(scheme);  // any number can come over the wire
  }
}

SignVerdict judge_signature(const SignQuestion& q) {
  SignVerdict verdict;
  if (q.role != wire::role_client && q.role != wire::role_server) {
    verdict.reason = "neither the client's nor the server's role";
  } else if (q.allowed_roles == 0) {
    verdict.reason = "no program may use the identity";
  } else if (!q.tls13 && !q.tls12_allowed) {
    verdict.reason = "TLS 1.2 is not allowed";
  } else if ((q.allowed_roles & q.role) == 0) {
    verdict.reason = "the identity may not play this role";
  } else if (!scheme_fits(q.scheme, q.key_type, q.tls13)) {
    verdict.reason = "the signature scheme does not fit the key or the version";
  } else if (q.tls13 && !is_tls13_certificate_verify(q.input, q.role)) {
    verdict.reason = "not a TLS 1.3 CertificateVerify of this role";
  } else if (!q.tls13 && q.role == wire::role_server && !is_tls12_server_key_exchange(q.input)) {
    verdict.reason = "not a TLS 1.2 ServerKeyExchange";
  } else if (!q.tls13 && q.role == wire::role_client && !is_tls12_client_transcript(q.input)) {
    verdict.reason = "not a TLS 1.2 client's handshake transcript";
  } else {
    verdict = {true, {}};
  }
  return verdict;
}

}  // namespace tlspool::keeper
