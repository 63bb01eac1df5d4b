// SPDX-License-Identifier: Apache-2.0
#include "worker/diagnosis.h"

#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <cstring>

#include "base/log.h"
#include "tls/names.h"

namespace tlspool::worker {
namespace {

HandshakeFailure failure(std::string reason, std::string message) {
  return {std::move(reason), "handshake: " + std::move(message), {}, {}, {}, {}, false};
}

std::string peer_of(const Connection& c) {
  return c.request.remote_identity.empty() ? "the peer" : c.request.remote_identity;
}

HandshakeFailure refused_by_judge(const Diagnosis& d) {
  HandshakeFailure f = failure(d.verdict.check == "authorization" ? "policy" : "certificate", peer_of(d.connection) + ": " + d.verdict.reason);
  f.check = d.verdict.check;
  f.certificate = d.verdict.certificate;
  f.explanation = d.verdict.explanation;
  return f;
}

// What an alert means on a connection with a shared key, be it the peer's or ours; empty: something else.
std::string wrong_key(const Diagnosis& d) {
  const Connection& c = d.connection;
  const SharedKey& key = *c.shared_key;
  const std::string which = key.named();
  const std::string audit =
      is_lasting(*key.peer) ? "give both the same one by `tlspool psk add`" : "run `tlspool qkd audit " + key.peer->name + "`";
  const std::string different = which + "the two sites hold different keys under this id; " + audit;
  switch (c.alert_received.value_or(c.alert_sent.value_or(-1))) {
    case SSL_AD_UNKNOWN_PSK_IDENTITY:
      return which + "the peer refused it with the alert unknown_psk_identity: it does not have the key, or used it before; " + audit;
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_BAD_RECORD_MAC: return different;
    case SSL_AD_ILLEGAL_PARAMETER:  // OpenSSL's alert for a binder that does not fit; TLS 1.2 has none
      if (!key.peer->tls13) return {};
      return c.alert_received || d.openssl_reason == SSL_R_BINDER_DOES_NOT_VERIFY ? different : std::string{};
    case SSL_AD_DECODE_ERROR:  // and for one of another length
      if (!c.alert_received && d.openssl_reason != SSL_R_BAD_EXTENSION) return {};
      return which + "the two sites use it with different hashes; see hash of [[peer]] on both";
    case SSL_AD_HANDSHAKE_FAILURE:
      if (!c.alert_received) return {};
      return which + "the peer refused with the alert handshake_failure: it knows no such peer, or has other settings for it; compare "
                     "[[peer]] on both sites";
    default: return {};
  }
}

HandshakeFailure refused_by_peer(const Diagnosis& d) {
  const int alert = *d.connection.alert_received;
  // The peer saw our hello before it sent its own, and had nothing to answer it by.
  const Tie* tie = d.connection.tie.get();
  if (tie != nullptr && alert == SSL_AD_ILLEGAL_PARAMETER && tie->own == tls::client_only && !tie->hello_seen) {
    return failure("policy", two_clients);
  }
  std::string advice;
  switch (alert) {
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      advice = "; it did not accept our certificate: see what it trusts, and `tlspool identity show`";
      break;
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_HANDSHAKE_FAILURE:
      if (d.connection.role == wire::role_client && d.connection.local_identity.empty()) {
        advice = "; it may want a client certificate: name a local identity";
      }
      break;
    case SSL_AD_PROTOCOL_VERSION: advice = "; it does not speak a TLS version that is allowed here"; break;
    case SSL_AD_UNRECOGNIZED_NAME: advice = "; it does not serve this name"; break;
    case SSL_AD_NO_APPLICATION_PROTOCOL: advice = "; it speaks none of the ALPN protocols that were offered"; break;
    default: break;
  }
  return failure("alert", peer_of(d.connection) + " refused with the alert " + tls::alert_name(alert) + advice);
}

// What libssl found wrong by itself.
HandshakeFailure found_by_openssl(const Diagnosis& d) {
  switch (d.openssl_reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      if (d.connection.shared_key) {  // wolfSSL sends no alert for a binder that does not fit
        return failure("transport", d.connection.shared_key->named() + "the peer closed the connection in the middle of the handshake; if it holds " +
                                        "another key under this id, `tlspool qkd audit " + d.connection.shared_key->peer->name + "` tells");
      }
      return failure("transport", "the peer closed the connection in the middle of the handshake");
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_UNKNOWN_PROTOCOL:
      return failure("transport", "the peer does not speak TLS (" + d.openssl_text + "); is it the right port?");
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
      return failure("policy", "the peer offers no TLS version that is allowed here (" + d.openssl_text + ")");
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_DH_KEY_TOO_SMALL:
    case SSL_R_EE_KEY_TOO_SMALL:
      return failure("policy", "nothing that the peer offers is allowed here (" + d.openssl_text + ")");
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: {
      HandshakeFailure f = failure("certificate", "the peer was asked for a certificate and sent none");
      f.check = "chain";
      return f;
    }
    case SSL_R_UNEXPECTED_MESSAGE:
      return failure("transport", "the handshake broke: " + d.openssl_text +
                                      (d.connection.role == wire::role_client ? "; if the peer is a client, too, see role peer" : ""));
    default:
      return failure("transport", "the handshake broke: " + d.openssl_text);
  }
}

HandshakeFailure cause_of(const Diagnosis& d) {
  const Connection& c = d.connection;
  if (!d.token_problem.empty()) {
    return failure("token", "identity " + c.local_identity + ": " + d.token_problem + "; see `tlspool doctor`");
  }
  if (c.tie && !c.tie->problem.empty()) return failure("policy", c.tie->problem);
  if (!c.attempt->key_problem.empty()) return failure("sharedKey", c.attempt->key_problem);
  if (c.shared_key) {
    if (std::string problem = wrong_key(d); !problem.empty()) return failure("sharedKey", std::move(problem));
  }
  if (!d.verdict.accepted && !d.verdict.reason.empty()) return refused_by_judge(d);
  if (!c.attempt->refused_name.empty()) {
    return failure("policy", "the peer asked for the name " + c.attempt->refused_name +
                                 ", which no identity of this caller serves; see `tlspool identity list`");
  }
  if (c.role == wire::role_server && !c.not_shown.empty()) return failure("policy", c.not_shown);
  if (c.attempt->alpn_mismatch) return failure("policy", "the peer offers none of the ALPN protocols that were asked for");
  if (c.alert_received) return refused_by_peer(d);
  if (d.openssl_reason != 0) return found_by_openssl(d);
  if (d.ssl_error == SSL_ERROR_SYSCALL || d.system_error != 0) {
    const std::string why = d.system_error != 0 ? std::strerror(d.system_error) : "it was closed";
    return failure("transport", "the connection broke: " + why);
  }
  return failure("transport", "the handshake broke: " + d.openssl_text);
}

}  // namespace

HandshakeFailure diagnose(const Diagnosis& d) {
  HandshakeFailure f = cause_of(d);
  const Connection& c = d.connection;
  // Whatever a server says or does not say when it ends the handshake: it asked for what it was not shown.
  if (c.role == wire::role_client && !c.not_shown.empty()) f.message += "; " + c.not_shown;
  return f;
}

void log_failure(const Connection& connection, const HandshakeFailure& failure) {
  log::warning("handshake.failed", {{"reason", failure.reason},
                                    {"message", failure.message},
                                    {"local", connection.local_identity},
                                    {"expected", connection.request.remote_identity},
                                    {"service", connection.request.service},
                                    {"uid", std::to_string(connection.caller.credentials.uid)},
                                    {"pid", std::to_string(connection.caller.credentials.pid)}});
}

}  // namespace tlspool::worker
