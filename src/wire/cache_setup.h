// SPDX-License-Identifier: Apache-2.0
// Outcomes that the judge remembers, and what pools of a cluster share through memcached.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/codec.h"

namespace tlspool::wire {

/// [cache] of the configuration as the judge is told it.
struct CacheSetup {
  std::vector<std::string> servers;     ///< "HOST:PORT" or "unix:/PATH"; none: outcomes stay in this pool
  Bytes key;                            ///< 32 bytes for outcomes, of the cluster's key; empty: none is shared
  std::uint32_t ttl = 600;              ///< seconds that an outcome may be relied on, at most
  std::uint32_t negative_ttl = 30;      ///< of refusals
  std::uint32_t entries = 50'000;       ///< of this pool's own memory; 0: nothing is remembered
  std::uint32_t patience_ms = 20;       ///< that a question waits for memcached, at most
  std::uint32_t generation = 0;         ///< outcomes of another one are not found
  Bytes policy;                         ///< digest of everything that the judge decides by
};
template <class Io> void fields(Io& io, CacheSetup& m) {
  io(m.servers, m.key, m.ttl, m.negative_ttl, m.entries, m.patience_ms, m.generation, m.policy);
}

/// A ticket key of the cluster on its way to memcached or from there. Only supervisors can open it.
struct SharedBlob {
  std::string name;
  Bytes sealed;               ///< in an answer: what all pools shall take, our own or the one that came first; empty: nobody could be asked
  std::uint32_t seconds = 0;  ///< that it may stay
};
template <class Io> void fields(Io& io, SharedBlob& m) { io(m.name, m.sealed, m.seconds); }

/// How the memory of outcomes fared, since the judge's start.
struct OutcomeCounters {
  std::uint64_t entries = 0;   ///< in this pool's own memory now
  std::uint64_t judged = 0;    ///< questions that were decided anew
  std::uint64_t recalled = 0;  ///< answered from this pool's own memory
  std::uint64_t shared = 0;    ///< answered by what another pool, or this one before, had put into memcached
  std::uint64_t put = 0;       ///< outcomes put into memcached
  std::uint64_t worthless = 0; ///< entries from memcached that were forged, swapped, damaged or too old
  std::uint64_t late = 0;      ///< questions that went on without memcached because it did not answer in time
  std::uint64_t failed = 0;    ///< times that a server of memcached failed
  std::uint64_t away = 0;      ///< servers that are left out now
};
template <class Io> void fields(Io& io, OutcomeCounters& m) {
  io(m.entries, m.judged, m.recalled, m.shared, m.put, m.worthless, m.late, m.failed, m.away);
}

}  // namespace tlspool::wire
