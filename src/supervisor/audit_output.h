// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "config/config.h"

namespace tlspool::supervisor {

/// What workers write audit lines to.
struct AuditOutput {
  wire::AuditSetup setup;
  UniqueFd out;  ///< a file or a socket where the setup names one
};

inline constexpr const char* journal_socket = "/run/systemd/journal/socket";

/// Opens the file for appending, or connects to the journal; a file that is not there is made with mode 0640. Each call opens it anew, so
/// that a file which was renamed is left alone. Lines that can't be written where the administrator wants them are a mistake.
[[nodiscard]] Result<std::shared_ptr<const AuditOutput>> open_audit(const config::Audit& audit, const std::string& pool,
                                                                    const std::string& journal = journal_socket);

}  // namespace tlspool::supervisor
