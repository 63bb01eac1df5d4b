// SPDX-License-Identifier: Apache-2.0
#include "client/call.h"

#include "client/exchange.h"

namespace tlspool::client {

Result<wire::Answer> call(const std::string& socket, std::string_view method, wire::Value parameters,
                          std::span<const int> descriptors, std::vector<UniqueFd>* received,
                          std::chrono::milliseconds timeout) {
  Exchange exchange(socket, wire::call_text(method, std::move(parameters)), {descriptors.begin(), descriptors.end()});
  if (auto ended = run(exchange, std::chrono::steady_clock::now() + timeout); !ended) {
    return fail(std::move(ended.error()));
  }
  if (received != nullptr) *received = exchange.take_descriptors();
  return exchange.take_answer();
}

std::string message_of(const wire::Answer& answer) {
  if (auto message = answer.parameters.text("message"); !message.empty()) return message;
  const std::string name = answer.error.substr(answer.error.rfind('.') + 1);
  if (name == "InvalidParameter") {
    return "the pool refused the parameter " + answer.parameters.text("parameter", "(unnamed)");
  }
  if (name == "PermissionDenied") return "the pool's rules do not let this program do that";
  if (name == "SessionUnknown") {
    return "this program started no session " + answer.parameters.text("session") + " that the pool still remembers";
  }
  return "the pool answered " + (answer.error.empty() ? "nothing" : answer.error);
}

}  // namespace tlspool::client
