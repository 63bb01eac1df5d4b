// SPDX-License-Identifier: Apache-2.0
#include "worker/account.h"

#include "worker/session.h"

namespace tlspool::worker {
namespace {

using counters::Family;
using counters::Outcome;

counters::Role role_of(const Connection& c) { return c.role == wire::role_server ? counters::Role::server : counters::Role::client; }

// Before a cipher suite is agreed on, SSL_version() gives the highest that was offered.
counters::Version version_of(const SSL* ssl) {
  if (ssl == nullptr || (SSL_get_pending_cipher(ssl) == nullptr && SSL_get_current_cipher(ssl) == nullptr)) return counters::Version::none;
  return SSL_version(ssl) == TLS1_3_VERSION ? counters::Version::tls13 : counters::Version::tls12;
}

// "age(30)" counts as age.
counters::Check check_of(const std::string& check) { return counters::value_of<counters::Check>(std::string_view(check).substr(0, check.find('('))); }

counters::SessionEnd end_of(transport::End end) {
  switch (end) {
    case transport::End::close_notify: return counters::SessionEnd::close_notify;
    case transport::End::truncated: return counters::SessionEnd::truncated;
    case transport::End::reset: return counters::SessionEnd::reset;
    case transport::End::open:
    case transport::End::local: return counters::SessionEnd::local;
    case transport::End::error: return counters::SessionEnd::error;
  }
  return counters::SessionEnd::error;
}

}  // namespace

void count_handshake(const Connection& c, const SSL* ssl, const HandshakeFailure* failure, counters::Clock::duration took) {
  const counters::Role role = role_of(c);
  if (failure == nullptr) {
    counters::observe<Family::handshake_time>(took, role);
    return counters::count<Family::handshakes>(role, version_of(ssl), c.resumed(ssl) ? Outcome::resumed : Outcome::completed);
  }
  counters::count<Family::handshakes>(role, version_of(ssl), counters::value_of<Outcome>(failure->reason));
  if (!failure->check.empty()) counters::count<Family::handshake_checks>(role, check_of(failure->check));
}

void count_left(const Connection& c, const SSL* ssl) { counters::count<Family::handshakes>(role_of(c), version_of(ssl), Outcome::left); }

void count_refused(counters::Refusal why) { counters::count<counters::Family::refusals>(why); }

void count_session_began(const Connection& c) { counters::change<Family::sessions>(1, role_of(c)); }

void count_session_ended(const Session& session) {
  const counters::Role role = role_of(session.connection());
  counters::change<Family::sessions>(-1, role);
  counters::count<Family::session_ends>(role, end_of(session.state().outcome.end));
  counters::observe<Family::session_length>(session.length());
}

}  // namespace tlspool::worker
