// SPDX-License-Identifier: Apache-2.0
// Where audit lines go.
#pragma once
#include <cstdint>
#include <string>

#include "wire/codec.h"

namespace tlspool::wire {

enum class AuditTo : std::uint8_t {
  log,      ///< where the log goes, as long as that has level info
  nowhere,
  file,     ///< JSON lines; the descriptor that comes with the setup is open for appending
  journal,  ///< systemd's; the descriptor is a datagram socket that is connected to it
};

struct AuditSetup {
  AuditTo to = AuditTo::log;
  std::string pool;  ///< its directory, which each line names
};
template <class Io> void fields(Io& io, AuditSetup& m) { io(m.to, m.pool); }

}  // namespace tlspool::wire
