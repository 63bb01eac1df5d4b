// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "judge/tls_links.h"

namespace tlspool::judge {

/// Where TLS connections of the pool's own lead.
struct TlsTarget {
  std::string host;         ///< name or address; the identity that the server must prove
  std::uint16_t port = 443;
  std::string identity;     ///< that is shown; empty: none
};

/// One attempt: resolves, connects, and has a worker do TLS. Destroying it gives up.
class TlsDial {
 public:
  using OnSocket = std::function<void(Result<UniqueFd>)>;

  TlsDial(Loop& loop, std::shared_ptr<TlsLinks> links, TlsTarget target, std::chrono::steady_clock::time_point deadline);
  ~TlsDial();
  TlsDial(const TlsDial&) = delete;
  TlsDial& operator=(const TlsDial&) = delete;

  /// `on_socket` is called once, from the loop or at once, and may destroy the attempt. The caller keeps the deadline.
  void start(OnSocket on_socket);

 private:
  struct Lookup;
  void resolved(std::vector<std::string> addresses, const std::string& problem);
  void connect_next();
  void connected();
  void finish(Result<UniqueFd> result);

  Loop& loop_;
  std::shared_ptr<TlsLinks> links_;
  TlsTarget target_;
  std::chrono::steady_clock::time_point deadline_;
  OnSocket on_socket_;
  std::shared_ptr<Lookup> lookup_;
  std::vector<std::string> addresses_;  // that are left, the last one first
  std::string problem_ = "it has no address";
  UniqueFd socket_;
  std::unique_ptr<Poll> poll_;
  std::uint64_t asked_ = 0;
};

}  // namespace tlspool::judge
