// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "base/url.h"

namespace tlspool::etsi014 {

/// One HTTP request as it is, for conformance tests.
struct Exchange {
  std::string method = "GET";
  std::string path;  ///< below the entity's, such as "/api/v1/keys/sae-b/status"
  std::string body;  ///< JSON, for POST
};
struct Reply {
  int status = 0;
  std::string content_type;
  Bytes body;  ///< may hold keys: wipe it

  Reply() = default;
  Reply(Reply&&) = default;
  Reply& operator=(Reply&&) = default;
  ~Reply() { wipe(body); }
  [[nodiscard]] std::string_view text() const { return text_of(body); }
};

/// Yields a connected stream socket over which plain HTTP/1.1 may be spoken; TLS is its business.
using Connect = std::function<Result<UniqueFd>(Deadline)>;

/// One HTTP/1.1 connection, opened when it is needed and kept for the next request. It never follows a redirect,
/// uncompresses, asks a proxy or sends a request twice. For one thread.
class Http {
 public:
  Http(HttpsUrl url, Connect connect);
  ~Http();
  Http(Http&&) noexcept;
  Http& operator=(Http&&) noexcept;

  /// Any status is a Reply; an Error only where no whole answer of at most 1 MiB came until the deadline. Its advice
  /// says where nothing was sent.
  [[nodiscard]] Result<Reply> exchange(const Exchange& wanted, Deadline deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tlspool::etsi014
