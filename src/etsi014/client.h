// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/url.h"
#include "etsi014/http.h"
#include "etsi014/messages.h"

namespace tlspool::etsi014 {

/// "/api/v1/keys/SAE/status", "enc_keys" or "dec_keys"; the SAE id percent-encoded.
[[nodiscard]] std::string path_of(Operation operation, std::string_view sae);

/// Asks one key management entity over one connection (http.h says how it is kept). For one thread.
///
/// No request is ever sent twice: the entity deletes a key when it has delivered it, so a lost answer is a lost key.
/// An Error names the URL, the operation, the key id where there is one, the reason and what to do.
class Client {
 public:
  /// `url.path` stands before /api/v1 and is mostly empty.
  Client(HttpsUrl url, Connect connect);

  [[nodiscard]] Result<Status> status(std::string_view slave, Deadline deadline);
  /// New keys, for us as the master; each has request.size bits, where that is not 0.
  [[nodiscard]] Result<KeyContainer> enc_keys(std::string_view slave, const KeyRequest& request, Deadline deadline);
  /// Keys that the master was given; `bits` 0: of any size from 128 bits.
  [[nodiscard]] Result<KeyContainer> dec_keys(std::string_view master, const std::vector<std::string>& ids,
                                              std::uint32_t bits, Deadline deadline);
  /// Any status is a Reply; an Error only where no whole answer came.
  [[nodiscard]] Result<Reply> exchange(const Exchange& wanted, Deadline deadline);

 private:
  [[nodiscard]] Result<Reply> ask(Operation operation, std::string_view sae, std::string body, Deadline deadline);
  [[nodiscard]] std::string subject(std::string_view path) const;
  HttpsUrl url_;
  Http http_;
};

}  // namespace tlspool::etsi014
