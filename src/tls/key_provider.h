// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/evp.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"
#include "base/handle.h"
#include "wire/ipc.h"

namespace tlspool::tls {

using EvpKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

/// Signs `input` (the whole to-be-signed text, not a digest) with key `key` in `scheme` (a TLS
/// SignatureScheme). Called on the thread that signs. In a worker it pauses the OpenSSL job until the keeper
/// has answered; in the provisioning process it goes to the token at once. The signature comes back as TLS
/// and X.509 want it: DER for ECDSA.
using SignFunction = std::function<Result<Bytes>(std::uint32_t key, std::uint16_t scheme, ByteView input)>;

/// Registers the built-in provider "tlspool" in the default library context, once a process.
[[nodiscard]] Status load_key_provider(SignFunction sign);

/// A private key that is a handle: the public half is `public_key`, signing goes to the SignFunction with
/// number `key`. Can be given to SSL_use_PrivateKey and X509_sign.
[[nodiscard]] Result<EvpKey> make_handle_key(std::uint32_t key, wire::KeyType type, EVP_PKEY* public_key);

}  // namespace tlspool::tls
