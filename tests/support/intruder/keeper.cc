// SPDX-License-Identifier: Apache-2.0
// What a taken worker asks the keeper to sign.
#include <openssl/x509.h>
#include <sys/socket.h>

#include <array>
#include <map>

#include "intruder/intruder.h"
#include "tls/openssl.h"
#include "wire/ipc.h"

namespace intruder {
namespace {

using tlspool::Bytes;
namespace wire = tlspool::wire;

constexpr std::uint16_t ecdsa_p256 = 0x0403;
constexpr std::uint32_t most_keys = 4;

Bytes text(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }

Bytes verify13(std::string_view role) { return text(std::string(64, ' ') + "TLS 1.3, " + std::string(role) + " CertificateVerify" + '\0' + std::string(32, 'h')); }

// Two randoms, then X25519 parameters (RFC 5246 section 7.4.3, RFC 8422 section 5.4).
Bytes server_key_exchange12() { return text(std::string(64, 'r') + "\x03" + std::string("\0\x1d", 2) + " " + std::string(32, 'p')); }

Bytes certificate() {
  const std::unique_ptr<X509, tlspool::Freed<X509_free>> made{X509_new()};
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("intruder"), -1, -1, 0);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86400);
  unsigned char* der = nullptr;
  const int size = i2d_re_X509_tbs(made.get(), &der);
  Bytes out(der, der + (size > 0 ? size : 0));
  OPENSSL_free(der);
  return out;
}

// RFC 4252 section 7: what a client signs to log in.
Bytes ssh_login() {
  const auto word = [](std::string_view s) { return std::string{'\0', '\0', '\0', static_cast<char>(s.size())} + std::string(s); };
  return text(word(std::string(32, 's')) + '\x32' + word("root") + word("ssh-connection") + word("publickey") + '\x01' + word("ecdsa-sha2-nistp256") + word("blob"));
}

struct Text {
  const char* name;
  Bytes input;
  bool tls13;
};

std::string ask(int channel, const wire::SignRequest& request) {
  const Bytes packet = wire::encode(request);
  if (send(channel, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) return "the channel is closed";
  Bytes answer(16 * 1024);
  const ssize_t n = recv(channel, answer.data(), answer.size(), 0);
  if (n <= 0) return "the channel is closed";
  answer.resize(static_cast<std::size_t>(n));
  const auto reply = wire::decode<wire::SignReply>(answer);
  if (!reply) return "no answer";
  return reply->signature.empty() ? reply->problem : "succeeded";
}

}  // namespace

void try_signatures(const Place&) {
  const std::vector<int> channels = sockets(SOCK_SEQPACKET);
  if (channels.empty()) return report("sign", "there is no channel");
  const std::vector<Text> texts{
      {"X.509", certificate(), true}, {"X.509", certificate(), false}, {"SSH", ssh_login(), true}, {"SSH", ssh_login(), false},
      {"digest", Bytes(32, 0x5a), true}, {"digest", Bytes(32, 0x5a), false}, {"nothing", {}, true}, {"nothing", {}, false},
      {"TLS 1.3 server", verify13("server"), true}, {"TLS 1.3 client", verify13("client"), true},
      {"TLS 1.3 server", verify13("server"), false}, {"TLS 1.2 server", server_key_exchange12(), false},
      {"TLS 1.2 server", server_key_exchange12(), true}};
  std::uint64_t number = 0;
  for (std::uint32_t key = 0; key <= most_keys; ++key) {
    for (const Text& each : texts) {
      for (const std::uint8_t role : {std::uint8_t{0}, std::uint8_t{wire::role_client}, std::uint8_t{wire::role_server}, std::uint8_t{3}}) {
        const std::string what = "sign key=" + std::to_string(key) + " text=" + each.name + " version=" + (each.tls13 ? "1.3" : "1.2") + " role=" + std::to_string(role);
        report(what, ask(channels.front(), {++number, key, ecdsa_p256, role, each.tls13, each.input}));
      }
    }
  }
}

}  // namespace intruder
