// SPDX-License-Identifier: Apache-2.0
#include "base/name_service.h"

#include <netdb.h>

#include <cstdlib>
#include <memory>

#include "base/handle.h"

namespace tlspool {

std::vector<std::string> prepare_resolver() {
  addrinfo* found = nullptr;
  if (getaddrinfo("localhost", nullptr, nullptr, &found) == 0) freeaddrinfo(found);
  // resolv.conf, hosts, nsswitch.conf, gai.conf and host.conf. The directory, not the files: they are replaced by
  // renaming, and a rule on a file is for the one that was there.
  std::vector<std::string> out{"/etc"};
  // Often resolv.conf is a link into another directory (systemd-resolved, NetworkManager, resolvconf).
  const std::unique_ptr<char, Freed<std::free>> target{realpath("/etc/resolv.conf", nullptr)};
  if (target) {
    const std::string path = target.get();
    if (!path.starts_with("/etc/")) out.push_back(path.substr(0, path.rfind('/')));
  }
  return out;
}

}  // namespace tlspool
