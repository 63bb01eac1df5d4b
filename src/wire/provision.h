// SPDX-License-Identifier: Apache-2.0
// What the `tlspool` command and the one-shot provisioning process say to each other.
//
// `tlspoold --process provision --channel 3` is started by the command itself (as the keeper's user where the
// command is root), in the keeper's own directory, with a stream socketpair as descriptor 3. The command sends one
// Kind::log_setup, then any number of requests, one at a time; each is answered by one frame with the same number:
// the kind that stands beside the request, or ProvisionKind::failed with a Failure. The process ends when the
// channel closes. Framing: send_frame() and receive_frame() of loop/channel.h.
//
// Relative paths in a TokenSetup are those of the process: below the keeper's directory.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "wire/codec.h"
#include "wire/ipc.h"

namespace tlspool::wire {

enum class ProvisionKind : std::uint16_t {
  // command -> process
  make_token = 100,  ///< MakeToken -> token_made
  make_key,          ///< MakeKey -> key_made
  make_authority,    ///< MakeAuthority -> certificate_made
  issue,             ///< IssueCertificate -> certificate_made
  list_keys,         ///< ListKeys -> keys_listed
  check,             ///< CheckToken -> checked
  // process -> command
  token_made = 120,  ///< TokenMade
  key_made,          ///< KeyRow
  certificate_made,  ///< CertificateMade
  keys_listed,       ///< KeysListed
  checked,           ///< Checked
  failed,            ///< Failure
};

/// The Error of the request, whole, so that the command can branch on its code and print it.
struct Failure {
  std::uint8_t code = 0;  ///< tlspool::Code
  std::string operation;
  std::string subject;
  std::string reason;
  std::string advice;
};
template <class Io> void fields(Io& io, Failure& m) { io(m.code, m.operation, m.subject, m.reason, m.advice); }
[[nodiscard]] inline Failure failure_of(const Error& e) {
  return {static_cast<std::uint8_t>(e.code), e.operation, e.subject, e.reason, e.advice};
}
[[nodiscard]] inline Error error_of(const Failure& f) {
  const auto last = static_cast<std::uint8_t>(Code::internal);
  return {f.code <= last ? static_cast<Code>(f.code) : Code::internal, f.operation, f.subject, f.reason, f.advice};
}

/// Makes a SoftHSM2 token in the working directory: softhsm2.conf (0644, where there is none), tokens/ (0700), and
/// the PIN file (0600) with a random user PIN of 128 bits in hexadecimal; the security officer's PIN is random and
/// not kept. Where a token with that label is there already and the PIN file opens it, nothing changes and
/// `existed` says so; where the token is there without a PIN that opens it, the request fails.
struct MakeToken {
  std::string module;           ///< path of libsofthsm2.so
  std::string label;            ///< CK_TOKEN_INFO label, at most 32 bytes: "tlspool"
  std::string pin_file = "pin"; ///< where the PIN goes, below the working directory
};
template <class Io> void fields(Io& io, MakeToken& m) { io(m.module, m.label, m.pin_file); }
struct TokenMade {
  std::string uri;       ///< RFC 7512, selects the token: "pkcs11:token=tlspool"
  bool existed = false;
};
template <class Io> void fields(Io& io, TokenMade& m) { io(m.uri, m.existed); }

/// One private key of a token.
struct KeyRow {
  std::string uri;      ///< RFC 7512: "pkcs11:token=tlspool;object=web.example;type=private", with id= where the
                        ///< label alone is not unique
  std::string label;    ///< CKA_LABEL
  Bytes id;             ///< CKA_ID
  KeyType type = KeyType::p256;
  std::uint32_t bits = 0;
  bool supported = true;  ///< false: a type or size that TLS Pool can't use; `type` means nothing then
  Bytes public_key;       ///< DER SubjectPublicKeyInfo; empty where the token does not tell it
};
template <class Io> void fields(Io& io, KeyRow& m) {
  io(m.uri, m.label, m.id, m.type, m.bits, m.supported, m.public_key);
}

/// Generates a key pair in the token: CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, not CKA_EXTRACTABLE, CKA_SIGN, random
/// 16-byte CKA_ID. Code::invalid where a private key with that label is there already, unless `reuse`.
struct MakeKey {
  TokenSetup token;
  std::string label;            ///< CKA_LABEL of both halves
  KeyType type = KeyType::p256;
  std::uint32_t bits = 2048;    ///< RSA: 2048, 3072 or 4096; ignored otherwise
  bool reuse = false;           ///< a key with that label and the same type and size is taken instead of refused
};
template <class Io> void fields(Io& io, MakeKey& m) { io(m.token, m.label, m.type, m.bits, m.reuse); }

/// Makes a self-signed development CA certificate for a key in the token: CN "NAME development CA", CA:TRUE with
/// pathlen 0, keyCertSign and cRLSign, valid from an hour ago for 10 years.
struct MakeAuthority {
  TokenSetup token;
  std::string key;   ///< RFC 7512 URI of the CA's private key (KeyRow::uri)
  std::string name;  ///< NAME
};
template <class Io> void fields(Io& io, MakeAuthority& m) { io(m.token, m.key, m.name); }

/// Issues a certificate for a key in the token, signed by the CA's key in a token (the same or another): SAN by the
/// form of the name (DNS name, user@domain, IP address), EKU serverAuth and clientAuth, valid from an hour ago for
/// 398 days, random 128-bit serial number, SKI and AKI.
struct IssueCertificate {
  TokenSetup token;            ///< where the subject's key lies
  std::string key;             ///< RFC 7512 URI of the subject's private key
  std::string name;            ///< normalised identity (base/text.h)
  TokenSetup authority_token;  ///< where the CA's key lies
  std::string authority_key;   ///< RFC 7512 URI of the CA's private key
  Bytes authority;             ///< the CA's certificate: DER, or the text of a PEM file
};
template <class Io> void fields(Io& io, IssueCertificate& m) {
  io(m.token, m.key, m.name, m.authority_token, m.authority_key, m.authority);
}
struct CertificateMade {
  Bytes der;
  std::string pem;  ///< the same, ready for a file
};
template <class Io> void fields(Io& io, CertificateMade& m) { io(m.der, m.pem); }

/// Every private key of the token.
struct ListKeys {
  TokenSetup token;
};
template <class Io> void fields(Io& io, ListKeys& m) { io(m.token); }
struct KeysListed {
  std::vector<KeyRow> keys;
};
template <class Io> void fields(Io& io, KeysListed& m) { io(m.keys); }

/// The doctor's look at a module, a token and its keys: each step that a keeper takes, in order. It logs in with the
/// PIN of the token's PIN file or credential (never with one that was rejected before), and signs once with each
/// key whose `key` is not empty.
struct CheckToken {
  TokenSetup token;
  std::vector<KeySetup> keys;  ///< the keys that the configuration takes from this token
};
template <class Io> void fields(Io& io, CheckToken& m) { io(m.token, m.keys); }

enum class StepOutcome : std::uint8_t {
  passed,
  failed,   ///< `error` says what to do
  skipped,  ///< an earlier step failed, or there is nothing to try (no PIN configured); `detail` says which
};
struct CheckStep {
  std::string what;    ///< for people: "load the module", "find the token", "read the PIN", "log in", "find the key"
  std::string call;    ///< PKCS#11 call of the step, or the system call: "C_Login"; may be empty
  std::string result;  ///< "CKR_OK", "CKR_PIN_INCORRECT", or an errno's text; empty when skipped
  std::string detail;  ///< what was found: "SoftHSM v2, 2.6", "web.example: P-256"
  StepOutcome outcome = StepOutcome::skipped;
  Failure error;       ///< when failed
};
template <class Io> void fields(Io& io, CheckStep& m) {
  io(m.what, m.call, m.result, m.detail, m.outcome, m.error);
}
struct Checked {
  bool passed = false;  ///< no step failed
  std::vector<CheckStep> steps;
};
template <class Io> void fields(Io& io, Checked& m) { io(m.passed, m.steps); }

}  // namespace tlspool::wire
