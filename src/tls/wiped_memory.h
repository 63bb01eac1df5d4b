// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::tls {

/// From now on what OpenSSL gives back to the heap is wiped: it keeps traffic and exporter secrets, and buffers of plaintext,
/// in structures that it frees as they are, and so it does with the secrets of sessions that it reads out of tickets. What is of
/// none of their sizes isn't, for there are thousands in a handshake (keys among them are wiped by OpenSSL itself). To be called
/// before OpenSSL has allocated anything, else nothing changes.
void wipe_what_openssl_frees();

}  // namespace tlspool::tls
