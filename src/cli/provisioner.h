// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "config/config.h"
#include "config/paths.h"
#include "wire/provision.h"

namespace tlspool::cli {

/// The one-shot process that works on the token in the command's stead: PKCS#11 modules and PINs never
/// enter the command itself. It runs in the keeper's directory, as the user who owns that directory.
class Provisioner {
 public:
  [[nodiscard]] static Result<Provisioner> start(const config::Paths& paths);
  Provisioner(Provisioner&& other) noexcept;
  Provisioner& operator=(Provisioner&&) = delete;
  ~Provisioner();

  [[nodiscard]] Result<wire::TokenMade> make_token(const wire::MakeToken& request);
  [[nodiscard]] Result<wire::KeyRow> make_key(const wire::MakeKey& request);
  [[nodiscard]] Result<wire::CertificateMade> make_authority(const wire::MakeAuthority& request);
  [[nodiscard]] Result<wire::CertificateMade> issue(const wire::IssueCertificate& request);
  [[nodiscard]] Result<wire::KeysListed> list_keys(const wire::ListKeys& request);
  [[nodiscard]] Result<wire::Checked> check(const wire::CheckToken& request);

 private:
  Provisioner(UniqueFd channel, pid_t process) : channel_(std::move(channel)), process_(process) {}
  template <class Reply, class Request>
  Result<Reply> ask(wire::ProvisionKind kind, wire::ProvisionKind expected, const Request& request);

  UniqueFd channel_;
  pid_t process_ = -1;
  std::uint64_t number_ = 0;
};

/// The token as the provisioning process sees it: files below the keeper's directory by their relative
/// path, since the keeper's user need not be able to walk down to it. Pure.
[[nodiscard]] wire::TokenSetup inside_keeper(wire::TokenSetup token, const config::Paths& paths);

/// The tlspoold that belongs to this command: beside it, else the first in PATH.
[[nodiscard]] Result<std::string> find_daemon();

/// Label of the development CA's key; no identity can be called so.
inline constexpr const char* authority_label = "tlspool development CA";

}  // namespace tlspool::cli
