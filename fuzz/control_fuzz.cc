// SPDX-License-Identifier: Apache-2.0
// What a program may write on the control socket: any bytes are a call that fits the interface, an error to
// answer, or the end of the connection.
#include <cstdlib>
#include <string_view>

#include "wire/varlink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tlspool::wire;
  const auto call = parse_call({reinterpret_cast<const char*>(data), size});
  if (!call) return 0;
  for (const Interface* offered : {&pool_interface(), &admin_interface()}) {
    const auto answer = answer_common(*call, *offered, "0");
    if (answer) {
      if (answer->empty() || answer->back() != '\0') std::abort();
      if (!parse_answer(std::string_view(*answer).substr(0, answer->size() - 1))) std::abort();
    } else if (!offered->check_call(call->method, call->parameters)) {
      std::abort();  // it was let through, and does not fit
    }
  }
  // What we understood can be said again and is understood the same way.
  const std::string again = call_text(call->interface + "." + call->method, call->parameters);
  const auto twice = parse_call(std::string_view(again).substr(0, again.size() - 1));
  if (!twice || twice->method != call->method || to_json(twice->parameters) != to_json(call->parameters)) std::abort();
  return 0;
}
