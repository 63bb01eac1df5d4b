// SPDX-License-Identifier: Apache-2.0
// What the worker counts of handshakes and sessions.
#pragma once
#include "counters/page.h"
#include "worker/diagnosis.h"

namespace tlspool::worker {

class Session;

/// A handshake has ended. `ssl` may be null; `failure`: null where it ended well.
void count_handshake(const Connection& connection, const SSL* ssl, const HandshakeFailure* failure, counters::Clock::duration took);
/// The program left before it ended.
void count_left(const Connection& connection, const SSL* ssl);
/// A call that came to no handshake.
void count_refused(counters::Refusal why);
void count_session_began(const Connection& connection);
void count_session_ended(const Session& session);

}  // namespace tlspool::worker
