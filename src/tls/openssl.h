// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/handle.h"
#include "wire/ipc.h"

// One owning pointer for each OpenSSL type that the project uses.
namespace tlspool::tls {

using Ssl = std::unique_ptr<SSL, Freed<SSL_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslSession = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;

/// What the connection writes from here on is held, until whoever takes it over sends it: see held_writes().
void hold_writes(SSL* ssl);
/// What is held; empty: nothing.
[[nodiscard]] Bytes held_writes(SSL* ssl);

/// The oldest entry of OpenSSL's error queue as a reason, and the queue is empty afterwards.
[[nodiscard]] Error openssl_error(Code code, std::string operation, std::string subject);

/// Wipes the keys of the key exchange, which OpenSSL would keep as long as the connection: who takes the process over later can't
/// compute the session's secrets from what went over the wire. Only when the handshake is over.
void forget_key_exchange(SSL* ssl);

/// Lets go of what a server's ticket was made of (SSL_SESSION_set1_ticket_appdata), once it is made.
void forget_ticket_data(SSL* ssl);

[[nodiscard]] Bytes sha256(ByteView bytes);

[[nodiscard]] Result<Certificate> certificate_from_der(ByteView der);
[[nodiscard]] Bytes der_of(const X509* certificate);
/// SHA-256 of the certificate's SubjectPublicKeyInfo in DER, as pins name it (RFC 7469 section 2.4); empty where it has none.
[[nodiscard]] Bytes spki_digest(const X509* certificate);
/// Every certificate of a PEM text, in order. Code::certificate where there is none or one is malformed.
[[nodiscard]] Result<std::vector<Bytes>> chain_from_pem(std::string_view pem, const std::string& subject);
/// The kind of the certificate's public key; none for a kind that the pool does not use.
[[nodiscard]] std::optional<wire::KeyType> key_type_of(const X509* certificate);
/// RFC 2253, whole; what is not ASCII is escaped.
[[nodiscard]] std::string name_text(const X509_NAME* name);
/// RFC 2253 subject, printable, and cut where it is very long: for people.
[[nodiscard]] std::string subject_of(const X509* certificate);
/// Every subject alternative name: DNS, user@domain, IP, URI (RFC 5280 section 4.2.1.6).
[[nodiscard]] std::vector<std::string> alternative_names(const X509* certificate);

}  // namespace tlspool::tls
