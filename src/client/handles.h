// SPDX-License-Identifier: Apache-2.0
// What the opaque handles of tlspool.h are, and the border that no exception crosses.
#pragma once
#include <cerrno>
#include <chrono>
#include <new>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "client/exchange.h"
#include "client/start.h"

struct tlspool_session {
  std::string socket;  ///< of the pool that has the session
  tlspool::client::SessionFacts facts;
  std::vector<const char*> names;  ///< facts.remote_names, then NULL
  std::vector<const char*> groups;           ///< facts.groups, then NULL
  std::vector<const char*> attribute_names;  ///< those of facts.attributes, then NULL
};

struct tlspool_certificates {
  std::vector<tlspool::Bytes> der;
};

struct tlspool_start {
  std::string socket;
  tlspool::client::Exchange exchange;
  std::chrono::steady_clock::time_point deadline;
  int fd = -1;
  int plaintext_fd = -1;
};

namespace tlspool::client {

/// Fills the caller's struct as far as its size goes, and errno; returns -1.
int report(const Failure& failure, tlspool_error* error) noexcept;

/// Runs a function that returns Outcome<T>; `failed` is what C gets to see on failure.
template <class T, class Body>
T guarded(tlspool_error* error, T failed, Body body) noexcept {
  try {
    Outcome<T> outcome = body();
    if (outcome) return *outcome;
    report(outcome.error(), error);
  } catch (const std::bad_alloc&) {
    report({TLSPOOL_REASON_SYSTEM, ENOMEM, false, {}, {}, {}, {}, {}}, error);
  } catch (...) {
    report({TLSPOOL_REASON_SYSTEM, EIO, false, {}, {}, {}, {}, {}}, error);
  }
  return failed;
}

}  // namespace tlspool::client
