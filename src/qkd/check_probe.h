// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "etsi014/client.h"
#include "etsi014/messages.h"

namespace tlspool::qkd {

/// A key as an answer has it; of any size, for the standard allows short ones.
struct ProbedKey {
  std::string id;  ///< as it came
  Secret value;
  bool uuid = false;
  bool base64 = false;
};

/// What came for one request: nothing, or a status with a body.
class Reaction {
 public:
  explicit Reaction(Result<etsi014::Reply> reply) : reply_(std::move(reply)) {}
  [[nodiscard]] bool is(int status) const { return reply_ && reply_->status == status; }
  /// 0: no answer.
  [[nodiscard]] int status() const { return reply_ ? reply_->status : 0; }
  [[nodiscard]] std::string_view body() const { return reply_ ? reply_->text() : std::string_view(); }
  [[nodiscard]] std::string content_type() const { return reply_ ? reply_->content_type : ""; }
  /// The message of the Error object; std::nullopt where the body is none.
  [[nodiscard]] std::optional<std::string> message() const;
  /// The keys of a container, whatever is wrong with them; std::nullopt where the body is none.
  [[nodiscard]] std::optional<std::vector<ProbedKey>> keys() const;
  /// For people: "200 with 2 keys", "400 "size shall...""; never a key.
  [[nodiscard]] std::string text() const;

 private:
  Result<etsi014::Reply> reply_;
};

/// One entity, asked by one SAE; keeps what holds for all answers.
class Probe {
 public:
  using Send = std::function<Result<etsi014::Reply>(const etsi014::Exchange&)>;
  /// What was not as every answer must be.
  struct Habits {
    std::size_t answers = 0;
    std::string strange_status;  ///< an answer other than 200, 400, 401, 503
    std::string strange_type;    ///< a 200 that is not application/json
    std::string strange_error;   ///< 400 or 503 without an Error object
    std::string strange_401;     ///< a 401 with a body
    std::size_t errors = 0;
    std::size_t refusals = 0;    ///< 401s
  };

  Probe(Send send, Habits& habits) : send_(std::move(send)), habits_(habits) {}
  [[nodiscard]] Reaction get(etsi014::Operation operation, const std::string& sae, const std::string& query = {});
  [[nodiscard]] Reaction post(etsi014::Operation operation, const std::string& sae, const std::string& body);

 private:
  [[nodiscard]] Reaction ask(etsi014::Exchange exchange);
  Send send_;
  Habits& habits_;
};

}  // namespace tlspool::qkd
