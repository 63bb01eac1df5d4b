// SPDX-License-Identifier: Apache-2.0
// What somebody asks the metrics process.
#include <cstdlib>

#include "base/text.h"
#include "metrics/request.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const metrics::Answer answer = metrics::answer_to(text);
  // What was decided stays so, whatever comes behind it; and nobody is waited for without an end.
  if (answer != metrics::Answer::wait) {
    if (text.size() < metrics::longest_request && metrics::answer_to(std::string(text) + "x") != answer) std::abort();
    if (!metrics::response(answer, "page").starts_with("HTTP/1.1 ")) std::abort();
  } else if (text.size() >= metrics::longest_request) {
    std::abort();
  }
  return 0;
}
