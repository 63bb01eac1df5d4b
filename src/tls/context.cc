// SPDX-License-Identifier: Apache-2.0
#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/log.h"
#include "base/text.h"
#include "tls/key_provider.h"
#include "tls/names.h"
#include "tls/handshake_provider.h"

namespace tlspool::tls {
namespace {

// Only suites with forward secrecy and AEAD. AES-128 first: it costs less than AES-256 and is not the weak
// part of anything here.
constexpr const char* suites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* suites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* groups = "X25519:P-256:P-384:P-521";
constexpr const char* signatures =
    "ECDSA+SHA256:ed25519:RSA-PSS+SHA256:ECDSA+SHA384:RSA-PSS+SHA384:ECDSA+SHA512:RSA-PSS+SHA512:"
    "RSA+SHA256:RSA+SHA384:RSA+SHA512";
// For a token that can't do RSA-PSS: its RSA keys then serve TLS 1.2 alone.
constexpr const char* signatures_without_pss =
    "ECDSA+SHA256:ed25519:ECDSA+SHA384:ECDSA+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

constexpr long ticket_lifetime_seconds = 2 * 60 * 60;

// `alone`: the identity has no other credential.
Status add_credential(SSL_CTX* context, const wire::CredentialSetup& credential, bool alone) {
  if (credential.chain.empty()) return fail({Code::certificate, "use certificate", "", "the chain is empty", {}});
  auto leaf = certificate_from_der(credential.chain.front());
  if (!leaf) return fail(std::move(leaf.error()));
  auto key = make_handle_key(credential.key, credential.type, X509_get0_pubkey(leaf->get()));
  if (!key) return fail(std::move(key.error()));
  const auto free_stack = [](STACK_OF(X509) * stack) { sk_X509_free(stack); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_stack)> others{sk_X509_new_null(), free_stack};
  std::vector<Certificate> owners;
  for (std::size_t i = 1; i < credential.chain.size(); ++i) {
    auto issuer = certificate_from_der(credential.chain[i]);
    if (!issuer) return fail(std::move(issuer.error()));
    sk_X509_push(others.get(), issuer->get());
    owners.push_back(std::move(*issuer));
  }
  // Each connection copies the lists of its credentials, but not the one that goes with any of them.
  STACK_OF(X509)* chain = alone || owners.empty() ? nullptr : others.get();
  if (SSL_CTX_use_cert_and_key(context, leaf->get(), key->get(), chain, 1) != 1) {
    return fail(openssl_error(Code::certificate, "use certificate", subject_of(leaf->get())));
  }
  for (Certificate& issuer : owners) {
    if (!alone) break;
    if (SSL_CTX_add_extra_chain_cert(context, issuer.get()) != 1) return fail(openssl_error(Code::certificate, "use certificate", subject_of(issuer.get())));
    (void)issuer.release();  // the context's now
  }
  return {};
}

}  // namespace

Result<SslContext> make_context(std::shared_ptr<const TicketKeys> tickets) {
  SslContext context{SSL_CTX_new_ex(nullptr, handshake_properties, TLS_method())};
  if (!context) return fail(openssl_error(Code::internal, "SSL_CTX_new", ""));
  SSL_CTX* c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                             SSL_OP_PRIORITIZE_CHACHA);
  // RELEASE_BUFFERS keeps an idle connection below 14 KiB. AUTO_RETRY stays: a ticket is not data.
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(c, 1);
  SSL_CTX_set_num_tickets(c, 1);
  SSL_CTX_set_timeout(c, ticket_lifetime_seconds);
  const bool configured = SSL_CTX_set_ciphersuites(c, suites13) == 1 && SSL_CTX_set_cipher_list(c, suites12) == 1 &&
                    SSL_CTX_set1_groups_list(c, groups) == 1 && SSL_CTX_set1_sigalgs_list(c, signatures) == 1;
  if (!configured) return fail(openssl_error(Code::internal, "configure TLS", ""));
  if (auto done = use_ticket_keys(c, std::move(tickets)); !done) return fail(std::move(done.error()));
  return context;
}

const char* certificate_suites12() { return suites12; }

std::size_t add_credentials(SSL_CTX* context, const wire::IdentitySetup& identity) {
  std::size_t taken = 0;
  bool rsa_without_pss = false;
  for (const wire::CredentialSetup& credential : identity.credentials) {
    if (!credential.usable) continue;
    if (auto added = add_credential(context, credential, identity.credentials.size() == 1); !added) {
      log::warning("credential.unfit", {{"identity", identity.name}, {"problem", added.error().text()}});
      continue;
    }
    ++taken;
    rsa_without_pss |= credential.type == wire::KeyType::rsa && !credential.pss;
  }
  if (rsa_without_pss) SSL_CTX_set1_sigalgs_list(context, signatures_without_pss);
  return taken;
}

Agreed agreed_on(SSL* ssl) {
  Agreed out;
  out.tls13 = SSL_version(ssl) == TLS1_3_VERSION;
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl)) out.cipher_suite = SSL_CIPHER_standard_name(cipher);
  out.resumed = SSL_session_reused(ssl) == 1;
  // In 1.2 a resumed connection makes no key exchange, and OpenSSL would name the first one's.
  if (out.tls13 || !out.resumed) {
    if (const int nid = static_cast<int>(SSL_get_negotiated_group(ssl)); nid != 0) {
      const char* name = OBJ_nid2sn(nid);
      out.group = name == nullptr ? "" : lower(name);
      if (out.group == "prime256v1") out.group = "secp256r1";
    }
  }
  if (!out.resumed) {
    int key = NID_undef;
    int digest = NID_undef;
    const bool peer = SSL_get_peer_signature_type_nid(ssl, &key) == 1 && key != NID_undef;
    if (peer) {
      SSL_get_peer_signature_nid(ssl, &digest);
    } else if (SSL_get_signature_type_nid(ssl, &key) == 1) {
      SSL_get_signature_nid(ssl, &digest);
    }
    out.signature_algorithm = signature_scheme_name(key, digest);
  }
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (protocol != nullptr) out.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  return out;
}

Result<Bytes> alpn_wire(const std::vector<std::string>& protocols) {
  Bytes out;
  for (const std::string& p : protocols) {
    if (p.empty() || p.size() > 255) {
      return fail({Code::invalid, "alpn", printable(p, 40), "a protocol name has 1 to 255 bytes", {}});
    }
    out.push_back(static_cast<std::uint8_t>(p.size()));
    out.insert(out.end(), p.begin(), p.end());
  }
  if (out.size() > 65535) return fail({Code::invalid, "alpn", "", "the list is longer than 65535 bytes", {}});
  return out;
}

}  // namespace tlspool::tls
