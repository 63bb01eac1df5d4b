// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "tls/openssl.h"
#include "wire/judge.h"
#include "worker/connection.h"

namespace tlspool::worker {

/// What the judge is asked about a connection; `chain` is what the peer sent, leaf first, and empty where it shows no certificate.
/// `network`: the connected socket.
[[nodiscard]] wire::ChainQuery question_about(const Connection& connection, const SSL* ssl, int network, std::vector<Bytes> chain);

}  // namespace tlspool::worker
