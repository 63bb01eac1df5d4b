// SPDX-License-Identifier: Apache-2.0
// A DNS response of any form; its first byte chooses what was asked for.
#include <cstdlib>

#include "trust/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tlspool;
  if (size == 0) return 0;
  constexpr trust::DnsType types[] = {trust::DnsType::a,    trust::DnsType::cname, trust::DnsType::mx,
                                      trust::DnsType::aaaa, trust::DnsType::srv,   trust::DnsType::tlsa};
  const auto read = trust::read_dns_message({data + 1, size - 1}, "a", types[data[0] % 6]);
  if (read && read->aliases.size() > trust::max_aliases) std::abort();
  return 0;
}
