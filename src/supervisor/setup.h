// SPDX-License-Identifier: Apache-2.0
// Pure: what each process is told follows from the configuration, the files that it names and what the
// keeper found in the tokens.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "config/config.h"
#include "config/paths.h"
#include "supervisor/cluster_key.h"
#include "supervisor/credentials.h"
#include "wire/ipc.h"

namespace tlspool::supervisor {

/// The files that the configuration names.
struct Material {
  std::map<std::string, std::vector<Bytes>> chains;  ///< PEM file to DER certificates, leaf first
  Bytes trust;                                       ///< contents of every trust anchor file
};

/// Numbers by which workers name keys to the keeper. A number is never given to another key, so that a
/// request under an older setup can't reach the wrong one.
class KeyNumbers {
 public:
  std::uint32_t number(const config::Identity& identity, const config::Credential& credential);
  /// What a token is counted as (counters::Token); those that come late share the last one.
  std::uint8_t token(const std::string& name);

 private:
  std::map<std::string, std::uint32_t> known_;
  std::map<std::string, std::uint8_t> tokens_;
};

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The RoleBits in which some program may use the identity. The keeper signs in no other: it can't know for which
/// program a worker asks, but need not sign for what nobody may have.
[[nodiscard]] std::uint8_t granted_roles(const config::Config& config, const config::Identity& identity);

/// Paths in it are relative to the keeper's working directory, whose parents may be closed to its user.
[[nodiscard]] wire::KeeperSetup keeper_setup(const config::Config& config, const Material& material,
                                             KeyNumbers& numbers, const config::Paths& paths,
                                             const Credentials& credentials);
/// Likewise relative to the pool's directory where the files lie below it.
[[nodiscard]] wire::JudgeSetup judge_setup(const config::Config& config, const config::Paths& paths);
/// What the judge is told before: bodies of judge_tables, in this order.
[[nodiscard]] std::vector<Bytes> judge_tables(const config::Config& config);

/// What the judge is told of [cache]; `keys` may be null. `policy`: see outcome_policy().
[[nodiscard]] wire::CacheSetup cache_setup(const config::Config& config, const ClusterKeys* keys, Bytes policy);

/// The rules as configured, or, where there are none, those that let the owner and the group of the pool's
/// directory do everything.
[[nodiscard]] std::vector<wire::AllowRule> effective_rules(const config::Config& config, Owner owner);

/// The certificates with which the pool is a server.
[[nodiscard]] wire::OwnCertificates own_certificates(const wire::WorkerSetup& setup);

/// Everything but index, count and ticket keys.
[[nodiscard]] wire::WorkerSetup worker_setup(const config::Config& config, const Material& material,
                                             KeyNumbers& numbers, const wire::KeeperReport& report, Owner owner);

/// Chains that the new report lacks because a token is away for a while are taken from the old one: they
/// have not changed, and tickets need not die of it.
void keep_chains(wire::KeeperReport& report, const wire::KeeperReport& old);

}  // namespace tlspool::supervisor
