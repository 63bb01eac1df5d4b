// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "loop/varlink_connection.h"

namespace tlspool::judge {

/// Control connections to workers, by which a connected socket becomes a TLS connection, as for any program: the judge holds no
/// TLS session and no key. Each carries one call at a time; others wait.
class TlsLinks {
 public:
  struct Wanted {
    UniqueFd socket;
    std::string local;   ///< identity of the pool; empty: none is shown
    std::string remote;  ///< that the server must prove
    std::chrono::milliseconds deadline{0};
  };
  /// The plaintext end. Code::tls and the worker's words where the handshake failed.
  using OnDone = std::function<void(Result<UniqueFd>)>;

  explicit TlsLinks(Loop& loop) : loop_(loop), soon_(loop) {}
  void add(UniqueFd connection);
  /// `on_done` is called once, from the loop and never before start() has returned. A number for cancel(). The deadline is the
  /// worker's: the caller has one of his own.
  std::uint64_t start(Wanted wanted, OnDone on_done);
  /// Its OnDone is not called any more.
  void cancel(std::uint64_t number);

 private:
  struct Job {
    std::uint64_t number = 0;
    Wanted wanted;
    OnDone on_done;
  };
  struct Link {
    std::unique_ptr<VarlinkConnection> connection;
    std::unique_ptr<Job> job;
  };
  void give_out_soon();
  void give_out();
  void answered(std::uint64_t link, const std::string& text, std::vector<UniqueFd> descriptors);
  void lost(std::uint64_t link);

  Loop& loop_;
  std::map<std::uint64_t, Link> links_;
  std::deque<std::unique_ptr<Job>> waiting_;
  std::uint64_t last_ = 0;
  Timer soon_;
};

}  // namespace tlspool::judge
