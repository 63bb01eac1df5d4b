// SPDX-License-Identifier: Apache-2.0
#include "cli/issue.h"

#include "cli/pool_text.h"

namespace tlspool::cli {

Status make_identity(Provisioner& provisioner, const config::Paths& paths, const IdentityPlan& plan,
                     const Authority& authority, Made& made) {
  // A key of that name which an attempt left behind, or whose files were removed, serves again.
  const auto key = provisioner.make_key({plan.token, plan.name, plan.key.type, plan.key.bits, true});
  if (!key) return fail(key.error());
  const auto certificate =
      provisioner.issue({plan.token, key->uri, plan.name, plan.token, authority.key, copy_of(view(authority.pem))});
  if (!certificate) return fail(certificate.error());
  const std::string base = file_name(plan.name);
  const std::string stem = paths.identities() + "/" + base;
  if (auto written = made.file(stem + ".pem", certificate->pem + authority.pem, 0644); !written) return written;
  const std::string text = identity_toml({plan.name, key->uri, base + ".pem", plan.token.name});
  return made.file(stem + ".toml", text, 0644);
}

}  // namespace tlspool::cli
