// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "etsi014/messages.h"

namespace tlspool::etsi014 {

using Deadline = std::chrono::steady_clock::time_point;

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

/// "/api/v1/keys/SAE/status", "enc_keys" or "dec_keys"; the SAE id percent-encoded.
[[nodiscard]] std::string path_of(Operation operation, std::string_view sae);

/// One connection to a key management entity, opened when it is needed and kept for the next request. TLS is not
/// its business: `connect` yields a connected stream socket over which plain HTTP/1.1 is spoken. For one thread.
///
/// No request is ever sent twice: the entity deletes a key when it has delivered it, so a lost answer is a lost key.
/// An Error names the URL, the operation, the reason and what to do.
class Client {
 public:
  using Connect = std::function<Result<UniqueFd>(Deadline)>;

  /// `host` for the Host header, as in the URL; `path` stands before /api/v1 and is mostly empty.
  Client(std::string host, std::uint16_t port, std::string path, Connect connect);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  [[nodiscard]] Result<Status> status(std::string_view slave, Deadline deadline);
  /// New keys, for us as the master; each has request.size bits, where that is not 0.
  [[nodiscard]] Result<KeyContainer> enc_keys(std::string_view slave, const KeyRequest& request, Deadline deadline);
  /// Keys that the master was given; `bits` 0: of any size from 128 bits.
  [[nodiscard]] Result<KeyContainer> dec_keys(std::string_view master, const std::vector<std::string>& ids,
                                              std::uint32_t bits, Deadline deadline);
  /// Any status is a Reply; an Error only where no whole answer came.
  [[nodiscard]] Result<Reply> exchange(const Exchange& wanted, Deadline deadline);

 private:
  class Http;
  [[nodiscard]] Result<Reply> ask(Operation operation, std::string_view sae, std::string body, Deadline deadline);
  std::unique_ptr<Http> http_;
};

}  // namespace tlspool::etsi014
