// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <system_error>

namespace tlspool {

std::string Error::text() const {
  std::string out;
  for (const std::string* part : {&operation, &subject, &reason}) {
    if (part->empty()) continue;
    if (!out.empty()) out += ": ";
    out += *part;
  }
  if (!advice.empty()) out += (out.empty() ? "" : "; ") + advice;
  return out;
}

Error system_error(std::string operation, std::string subject, int number) {
  const Code code = number == ENOENT               ? Code::not_found
                    : number == EACCES || number == EPERM ? Code::denied
                                                   : Code::io;
  return {code, std::move(operation), std::move(subject), std::generic_category().message(number), {}};
}

}  // namespace tlspool
