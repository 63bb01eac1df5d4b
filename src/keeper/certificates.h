// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "keeper/open_token.h"
#include "wire/provision.h"

namespace tlspool::keeper {

/// See wire::MakeAuthority.
[[nodiscard]] Result<wire::CertificateMade> make_authority(Modules& modules, const wire::MakeAuthority& request);
/// See wire::IssueCertificate.
[[nodiscard]] Result<wire::CertificateMade> issue(Modules& modules, const wire::IssueCertificate& request);

}  // namespace tlspool::keeper
