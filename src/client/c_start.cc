// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "client/handles.h"
#include "config/paths.h"

namespace tlspool::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// The pool ends a handshake by its deadline; longer silence means that the pool itself hangs.
constexpr milliseconds grace{5'000};

template <std::size_t N>
void put(char (&into)[N], const std::string& text) {
  const std::size_t size = std::min(text.size(), N - 1);
  std::memcpy(into, text.data(), size);
  into[size] = '\0';
}

Outcome<std::unique_ptr<tlspool_start>> begin(int fd, tlspool_role role, const StartOptions& options) {
  if (!is_role(role)) return refuse(bad_parameter("role is none of its values"));
  if (role != TLSPOOL_PEER && options.remote_role == role) {
    const std::string both = role == TLSPOOL_CLIENT ? "clients" : "servers";
    return refuse(bad_parameter("options.remote_role: both sides would be TLS " + both + ", and it takes one of each"));
  }
  std::vector<int> descriptors{fd};
  if (options.plaintext_fd != -1) descriptors.push_back(options.plaintext_fd);
  for (const int given : descriptors) {
    if (fcntl(given, F_GETFD) >= 0) continue;
    Failure f = bad_parameter("descriptor " + std::to_string(given) + " is not open");
    f.reason = TLSPOOL_REASON_DESCRIPTOR;
    f.number = EBADF;
    return refuse(std::move(f));
  }
  const auto pool = config::find_pool(options.pool);
  if (!pool) return refuse(failure_of(pool.error(), 0, true));
  const auto wait = options.deadline_ms > 0 ? milliseconds(options.deadline_ms) : milliseconds(default_deadline_ms);
  auto text = wire::call_text("io.tlspool.Pool.StartTLS", start_parameters(role, options));
  if (text.size() > wire::max_message) return refuse(bad_parameter("the options are longer than 256 KiB"));
  return std::unique_ptr<tlspool_start>(
      new tlspool_start{pool->programs_socket(),
                        Exchange(pool->programs_socket(), std::move(text), std::move(descriptors)),
                        steady_clock::now() + wait + grace, fd, options.plaintext_fd});
}

Outcome<UniqueFd> plaintext_side(const wire::Answer& answer, std::vector<UniqueFd> received, bool wanted) {
  if (!wanted) return UniqueFd{};
  UniqueFd plain = wire::take_descriptor(answer.parameters, "plaintextFileDescriptor", received);
  if (!plain.valid()) return refuse(not_understood("no plaintext descriptor came with it"));
  const int flags = fcntl(plain.get(), F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) fcntl(plain.get(), F_SETFL, flags & ~O_NONBLOCK);
  return plain;
}

/// After the exchange: what the start returns to C.
Outcome<int> finish(tlspool_start& start, tlspool_session** session) {
  const wire::Answer answer = start.exchange.take_answer();
  if (!answer.error.empty()) return refuse(failure_of(answer));
  auto plain = plaintext_side(answer, start.exchange.take_descriptors(), start.plaintext_fd < 0);
  if (!plain) return refuse(std::move(plain.error()));
  const wire::Value* described = answer.parameters.find("session");
  auto facts = described == nullptr ? std::nullopt : session_facts(*described);
  if (!facts) return refuse(not_understood("facts of the session are missing"));
  if (session != nullptr) {
    auto made = std::make_unique<tlspool_session>(tlspool_session{start.socket, std::move(*facts), {}});
    for (const std::string& name : made->facts.remote_names) made->names.push_back(name.c_str());
    made->names.push_back(nullptr);
    for (const std::string& group : made->facts.groups) made->groups.push_back(group.c_str());
    made->groups.push_back(nullptr);
    for (const auto& [name, value] : made->facts.attributes) made->attribute_names.push_back(name.c_str());
    made->attribute_names.push_back(nullptr);
    *session = made.release();
  }
  close(start.fd);
  if (start.plaintext_fd < 0) return plain->release();
  close(start.plaintext_fd);
  return 0;
}

Failure failed(const tlspool_start& start, const Error& error) {
  return failure_of(error, start.exchange.number(), start.exchange.untouched());
}

Outcome<int> wait_for(tlspool_start& start, tlspool_session** session) {
  if (const auto ended = run(start.exchange, start.deadline); !ended) return refuse(failed(start, ended.error()));
  return finish(start, session);
}

int starttls(int fd, tlspool_role role, const char* local_identity, const char* remote_identity,
             const tlspool_options* options, tlspool_session** session, tlspool_error* error) {
  if (session != nullptr) *session = nullptr;
  return guarded(error, -1, [&]() -> Outcome<int> {
    auto copied = copy_options(options);
    if (!copied) return refuse(std::move(copied.error()));
    if (local_identity != nullptr) copied->local_identity = local_identity;
    if (remote_identity != nullptr) copied->remote_identity = remote_identity;
    auto start = begin(fd, role, *copied);
    if (!start) return refuse(std::move(start.error()));
    return wait_for(**start, session);
  });
}

milliseconds left(const tlspool_start& start) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(start.deadline - steady_clock::now()));
}

}  // namespace

int report(const Failure& failure, tlspool_error* error) noexcept {
  if (error != nullptr && error->size > sizeof error->size) {
    tlspool_error full = TLSPOOL_ERROR_INIT;
    full.reason = failure.reason;
    full.number = failure.number;
    full.socket_usable = failure.socket_usable ? 1 : 0;
    put(full.message, failure.message);
    put(full.check, failure.check);
    put(full.certificate, failure.certificate);
    put(full.alert_sent, failure.alert_sent);
    put(full.alert_received, failure.alert_received);
    full.size = error->size;
    std::memcpy(error, &full, std::min(error->size, sizeof full));
  }
  errno = failure.number;
  return -1;
}

}  // namespace tlspool::client

using namespace tlspool::client;

const char* tlspool_library_version(void) { return TLSPOOL_VERSION; }

int tlspool_starttls_client(int fd, const char* remote_identity, const tlspool_options* options,
                            tlspool_session** session, tlspool_error* error) {
  return starttls(fd, TLSPOOL_CLIENT, nullptr, remote_identity, options, session, error);
}

int tlspool_starttls_server(int fd, const char* local_identity, const tlspool_options* options,
                            tlspool_session** session, tlspool_error* error) {
  return starttls(fd, TLSPOOL_SERVER, local_identity, nullptr, options, session, error);
}

int tlspool_starttls_peer(int fd, const char* local_identity, const char* remote_identity, const tlspool_options* options,
                          tlspool_session** session, tlspool_error* error) {
  return starttls(fd, TLSPOOL_PEER, local_identity, remote_identity, options, session, error);
}

tlspool_start* tlspool_start_begin(int fd, tlspool_role role, const tlspool_options* options, tlspool_error* error) {
  return guarded<tlspool_start*>(error, nullptr, [&]() -> Outcome<tlspool_start*> {
    const auto copied = copy_options(options);
    if (!copied) return refuse(copied.error());
    auto start = begin(fd, role, *copied);
    if (!start) return refuse(std::move(start.error()));
    if (const auto progress = (*start)->exchange.step(); !progress) return refuse(failed(**start, progress.error()));
    return start->release();
  });
}

int tlspool_start_fd(const tlspool_start* start) { return start->exchange.fd(); }

short tlspool_start_events(const tlspool_start* start) { return start->exchange.events(); }

int tlspool_start_timeout(const tlspool_start* start) {
  if (start->exchange.ended()) return 0;
  const auto wait = start->exchange.fd() < 0 ? std::min(left(*start), Exchange::retry_delay) : left(*start);
  return static_cast<int>(wait.count());
}

int tlspool_start_continue(tlspool_start* start, tlspool_session** session, tlspool_error* error) {
  if (session != nullptr) *session = nullptr;
  std::unique_ptr<tlspool_start> owned(start);
  return guarded(error, -1, [&]() -> Outcome<int> {
    const auto progress = owned->exchange.step();
    if (!progress) return refuse(failed(*owned, progress.error()));
    if (*progress == Exchange::Progress::done) return finish(*owned, session);
    if (left(*owned) == milliseconds(0)) return wait_for(*owned, session);
    (void)owned.release();
    errno = EAGAIN;
    return TLSPOOL_AGAIN;
  });
}

void tlspool_start_cancel(tlspool_start* start) { delete start; }
