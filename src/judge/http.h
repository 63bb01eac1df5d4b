// SPDX-License-Identifier: Apache-2.0
// HTTP for lists of revoked certificates, for their responders and for hooks, on the loop. The library behind it is known to
// http.cc alone.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool::judge {

struct HttpRequest {
  std::string url;                    ///< http or https, without a user in it
  std::optional<Bytes> body;          ///< POST; none: GET
  std::vector<std::string> headers;   ///< "Content-Type: application/json"
  std::size_t most_bytes = 1 << 20;   ///< of the reply's body; more is an error
  std::chrono::milliseconds deadline{10'000};  ///< from the call to the last byte, name and connection included
  std::uint32_t redirects = 0;        ///< how many are followed
  std::string unix_socket;            ///< path of a socket to connect to, in place of the URL's host; empty: none
  /// Called where a new connection is needed: an open one, in place of the URL's host, whose name is not asked for then. One that
  /// is not valid fails the request with Code::closed: what is kept from an earlier request was no more to be had.
  std::function<UniqueFd()> socket;
};

struct HttpReply {
  int status = 0;             ///< whatever the server said
  std::string content_type;   ///< as sent; empty: not said
  Bytes body;
};

/// Sends requests side by side. Connections are kept for later requests to the same host, within one Http: where requests bring their
/// own sockets, give them an Http of their own. No proxies, no cookies, no compression, no user names, nothing from the environment;
/// a server of https is held against the system's trust anchors.
class Http {
 public:
  /// Called once, from the loop, never before send() has returned. May destroy the Http. Code::timeout, Code::protocol (too large, no
  /// HTTP), Code::invalid (the URL), Code::certificate, Code::closed or Code::io.
  using OnReply = std::function<void(Result<HttpReply>)>;
  /// Ends a request whose reply has not come: its OnReply is not called any more. Else nothing happens, also when the Http is gone.
  using Cancel = std::function<void()>;

  /// Before the process enters its sandbox. `connections`: to all hosts at once; further requests wait, and their time runs.
  explicit Http(Loop& loop, std::size_t connections = 64);
  /// Nobody is called any more.
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  [[nodiscard]] Cancel send(HttpRequest request, OnReply on_reply);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tlspool::judge
