// SPDX-License-Identifier: Apache-2.0
#include "fetcher/control_links.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/socket.h"
#include "base/text.h"
#include "wire/varlink.h"

namespace tlspool::fetcher {
namespace {

// The worker keeps the deadline itself; this long after it a worker that hasn't answered is given up.
constexpr std::chrono::seconds grace{2};

/// An answer and its descriptors.
struct Answered {
  wire::Answer answer;
  std::vector<UniqueFd> descriptors;
};

Error lost(Code code, std::string reason) {
  return {code, "StartTLS", "the pool's worker", std::move(reason), "see the pool's log"};
}

Result<Answered> call(int link, std::string_view text, int descriptor, Deadline deadline) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (wait_until(link, POLLOUT, deadline) != Waited::ready) return fail(lost(Code::timeout, "it does not read"));
    const std::array descriptors{descriptor};
    const auto sent = transmit(link, view(text).subspan(at), at == 0 ? std::span<const int>(descriptors) : std::span<const int>(),
                               MSG_DONTWAIT);
    if (!sent) return fail(lost(Code::closed, sent.error().reason));
    at += sent->value_or(0);
  }
  Answered out;
  std::string input;
  std::array<std::uint8_t, 4096> chunk;
  while (input.empty() || input.back() != '\0') {
    if (wait_until(link, POLLIN, deadline) != Waited::ready) return fail(lost(Code::timeout, "it did not answer"));
    auto got = receive(link, chunk, MSG_DONTWAIT);
    if (!got) return fail(lost(Code::closed, got.error().reason));
    if (!got->has_value()) continue;
    if ((*got)->size == 0) return fail(lost(Code::closed, "it ended before it answered"));
    if ((*got)->truncated) return fail(lost(Code::io, "descriptors were lost"));
    for (UniqueFd& fd : (*got)->descriptors) out.descriptors.push_back(std::move(fd));
    input.append(reinterpret_cast<const char*>(chunk.data()), (*got)->size);
    if (input.size() > wire::max_message + 1) return fail(lost(Code::protocol, "its answer is too long"));
  }
  input.pop_back();
  auto answer = wire::parse_answer(input);
  if (!answer) return fail(lost(Code::protocol, answer.error().reason));
  out.answer = std::move(*answer);
  return out;
}

Result<UniqueFd> plaintext_of(Answered answered, const std::string& local) {
  const wire::Value& parameters = answered.answer.parameters;
  const std::string& error = answered.answer.error;
  if (error == "io.tlspool.Pool.HandshakeFailed") {
    return fail({Code::tls, "TLS handshake", {}, parameters.text("message"),
                 "check `identity` and `expect` of the [[kme]], and what certificates it trusts"});
  }
  if (error == "io.tlspool.Pool.IdentityRefused") {
    return fail({Code::denied, "StartTLS", local, parameters.text("message"), "check `identity` of the [[kme]]"});
  }
  if (!error.empty()) return fail(lost(Code::io, error + (parameters.text("message").empty() ? "" : ": " + parameters.text("message"))));
  UniqueFd plaintext = wire::take_descriptor(parameters, "plaintextFileDescriptor", answered.descriptors);
  if (!plaintext.valid()) return fail(lost(Code::protocol, "its answer has no plaintext descriptor"));
  return plaintext;
}

}  // namespace

void ControlLinks::add(UniqueFd connection) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
  changed_.notify_one();
}

void ControlLinks::put_back(UniqueFd connection) {
  const std::lock_guard lock(mutex_);
  --busy_;
  idle_.push_back(std::move(connection));
  changed_.notify_one();
}

void ControlLinks::drop() {
  const std::lock_guard lock(mutex_);
  --busy_;
  changed_.notify_all();  // who waits for the last one waits in vain
}

Result<UniqueFd> ControlLinks::acquire(Deadline deadline) {
  std::unique_lock lock(mutex_);
  while (true) {
    while (!idle_.empty()) {
      UniqueFd link = std::move(idle_.back());
      idle_.pop_back();
      // A worker that has ended, or says what it wasn't asked for, is of no use any more.
      pollfd now{link.get(), POLLIN, 0};
      if (poll(&now, 1, 0) > 0) continue;
      ++busy_;
      return link;
    }
    if (busy_ == 0) return fail(lost(Code::not_found, "no worker is there to make the connection"));
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && idle_.empty()) {
      return fail(lost(Code::timeout, "other connections were being made until the deadline"));
    }
  }
}

Result<UniqueFd> ControlLinks::start_tls(const UniqueFd& socket, const std::string& local, const std::string& remote,
                                         Deadline deadline) {
  auto link = acquire(deadline);
  if (!link) return fail(std::move(link.error()));
  wire::Value parameters;
  parameters.set("fileDescriptor", 0);
  parameters.set("role", "client");
  parameters.set("localIdentity", local);
  parameters.set("remoteIdentity", remote);
  parameters.set("alpn", wire::Value(wire::Value::Array{wire::Value("http/1.1")}));
  parameters.set("service", "etsi014");
  parameters.set("deadlineMs", std::max(1, milliseconds_left(deadline)));
  const std::string text = wire::call_text("io.tlspool.Pool.StartTLS", std::move(parameters));
  auto answered = call(link->get(), text, socket.get(), deadline + grace);
  if (!answered) {
    drop();
    return fail(std::move(answered.error()));
  }
  put_back(std::move(*link));
  return plaintext_of(std::move(*answered), local);
}

}  // namespace tlspool::fetcher
