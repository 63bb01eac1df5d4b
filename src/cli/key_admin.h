// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "config/paths.h"
#include "wire/key_admin.h"

namespace tlspool::cli {

/// The running pool's shared keys: a way straight to its keeper, by no other process. One request at a time, each with
/// the frames of wire/key_admin.h.
class KeyAdmin {
 public:
  /// Error: Code::closed where no daemon runs, Code::denied where the pool is another user's.
  /// `patience`: how long the keeper may take for a request; a slow token takes long for a batch of keys.
  [[nodiscard]] static Result<KeyAdmin> open(const config::Paths& paths,
                                             std::chrono::seconds patience = std::chrono::seconds(120));

  /// Sends `kind` with `body`, and gives back the body of the answer, which must be of kind `expected`. What the keeper
  /// refused is the error, in its words. `body` is wiped, whatever comes of it.
  [[nodiscard]] Result<Bytes> ask(wire::KeyAdminKind kind, Bytes body, wire::KeyAdminKind expected);

  /// The same with messages: `ask<wire::Deposited>(KeyAdminKind::deposit, keys, KeyAdminKind::deposited)`. Keys within
  /// `request` and within the answer are the caller's to wipe.
  template <class Answer, class Request>
  [[nodiscard]] Result<Answer> ask(wire::KeyAdminKind kind, const Request& request, wire::KeyAdminKind expected) {
    return decoded<Answer>(ask(kind, wire::encode(request), expected));
  }
  /// For requests without a body.
  template <class Answer>
  [[nodiscard]] Result<Answer> ask(wire::KeyAdminKind kind, wire::KeyAdminKind expected) {
    return decoded<Answer>(ask(kind, Bytes{}, expected));
  }

 private:
  explicit KeyAdmin(UniqueFd socket) : socket_(std::move(socket)) {}
  template <class Answer>
  static Result<Answer> decoded(Result<Bytes> body) {
    if (!body) return fail(std::move(body.error()));
    auto answer = wire::decode<Answer>(*body);
    wipe(*body);
    return answer;
  }

  UniqueFd socket_;
  std::uint64_t number_ = 0;
};

}  // namespace tlspool::cli
