// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::tls {

/// From now on what OpenSSL gives back to the heap is wiped: it keeps traffic and exporter secrets, and buffers of plaintext,
/// in structures that it frees as they are. What is shorter than any of these isn't, for there are thousands in a handshake
/// (keys among them are wiped by OpenSSL itself). To be called before OpenSSL has allocated anything, else nothing changes.
void wipe_what_openssl_frees();

}  // namespace tlspool::tls
