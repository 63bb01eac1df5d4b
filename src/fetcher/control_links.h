// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "fetcher/dial.h"

namespace tlspool::fetcher {

/// Control connections to workers, by which a connected socket becomes a TLS connection: the fetcher holds no TLS
/// session and no key of an identity. Each carries one call at a time. For all threads.
class ControlLinks {
 public:
  void add(UniqueFd connection);

  /// StartTLS as a client on `socket`, proving `local` and expecting `remote`; the plaintext end of it. Waits for
  /// a connection that is free. Code::tls and the worker's words where the handshake failed.
  [[nodiscard]] Result<UniqueFd> start_tls(const UniqueFd& socket, const std::string& local, const std::string& remote,
                                           Deadline deadline);

 private:
  [[nodiscard]] Result<UniqueFd> acquire(Deadline deadline);
  void put_back(UniqueFd connection);
  void drop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<UniqueFd> idle_;
  std::size_t busy_ = 0;
};

}  // namespace tlspool::fetcher
