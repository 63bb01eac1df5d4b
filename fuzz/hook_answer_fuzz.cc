// SPDX-License-Identifier: Apache-2.0
// What a hook may answer, of a program and of a service: an answer within its limits, or a reason why it is none.
#include <cstdlib>

#include "authz/hook_answer.h"
#include "base/bytes.h"

using namespace tlspool;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void judge(const Result<authz::HookAnswer>& answer) {
  if (!answer) return must(answer.error().code == Code::protocol && !answer.error().reason.empty());
  must(wire::check_attributes(answer->attributes).has_value());
  must(answer->ttl <= 24 * 60 * 60);
  for (const char c : answer->reason) must(c >= ' ' && c < 127);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of({data, size});
  const auto of_program = authz::parse_hook_answer(text, 7);
  const auto of_service = authz::parse_hook_answer(text, std::nullopt);
  judge(of_program);
  judge(of_service);
  // The number is one demand more, and no other difference.
  if (of_program) must(of_service && of_service->allow == of_program->allow);
  return 0;
}
