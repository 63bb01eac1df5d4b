// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>

#include "base/error.h"
#include "qkd/entities.h"

namespace tlspool::qkd {

/// What one client may take of an entity.
struct HttpLimits {
  std::chrono::milliseconds idle{30'000};    ///< between two requests
  std::chrono::milliseconds request{10'000}; ///< for a whole request, and for writing its answer
  std::size_t body = 128 * 1024;
  std::size_t requests = 1000;               ///< of one connection
};

/// What happens on a connection.
struct HttpCalls {
  std::function<Said(Ask)> answer;
  std::function<void()> idle;  ///< the next request is waited for
  std::function<void()> busy;  ///< it has begun
};

/// Speaks HTTP/1.1 as a server on a connected socket until its end: HTTP alone, TLS is the pool's business. Every
/// answer has status 200, 400, 401 or 503; who breaks HTTP itself gets 400 and is cut off.
void serve_http(int fd, const HttpLimits& limits, const HttpCalls& calls);

}  // namespace tlspool::qkd
