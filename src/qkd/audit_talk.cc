// SPDX-License-Identifier: Apache-2.0
#include "qkd/audit_talk.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/deadline.h"
#include "base/socket.h"
#include "base/text.h"
#include "tls/openssl.h"

namespace tlspool::qkd {
namespace {

using Clock = std::chrono::steady_clock;

/// Numbered lines, one way and the other.
class Lines {
 public:
  Lines(int fd, Clock::time_point deadline) : fd_(fd), deadline_(deadline) {}

  [[nodiscard]] Status send(const AuditMessage& message) {
    const std::string line = audit_line(message, sent_++);
    for (std::size_t at = 0; at < line.size();) {
      if (auto ready = wait(POLLOUT); !ready) return ready;
      auto taken = transmit(fd_, view(line).subspan(at), {}, MSG_DONTWAIT);
      if (!taken) return fail(last_words());
      at += taken->value_or(0);
    }
    return {};
  }

  /// The next message, which must be of this kind.
  template <class Message>
  [[nodiscard]] Result<Message> expect() {
    auto line = read_line();
    if (!line) return fail(std::move(line.error()));
    auto message = parse_audit_line(*line, received_++);
    if (!message) return fail(std::move(message.error()));
    if (auto* wanted = std::get_if<Message>(&*message)) return std::move(*wanted);
    return fail(other_than(*message));
  }
  /// The next message, whatever it is.
  [[nodiscard]] Result<AuditMessage> next() {
    auto line = read_line();
    if (!line) return fail(std::move(line.error()));
    return parse_audit_line(*line, received_++);
  }

  [[nodiscard]] static Error other_than(const AuditMessage& message) {
    if (const auto* left = std::get_if<AuditGivenUp>(&message)) {
      return {Code::closed, "audit", "", "the other site gave up: " + left->reason, {}};
    }
    return {Code::protocol, "audit", "the other site's message", "out of turn", "run the same release at both sites"};
  }

 private:
  static constexpr const char* ended_advice = "look at what `tlspool qkd audit` says there";

  [[nodiscard]] Status wait(short events) const {
    switch (wait_until(fd_, events, deadline_)) {
      case Waited::ready: return {};
      case Waited::late: return fail({Code::timeout, "audit", "", "the other site took too long", "give --timeout a larger number"});
      case Waited::failed: break;
    }
    return fail(system_error("poll", "audit", errno));
  }

  /// Who ends the connection may have said why before.
  [[nodiscard]] Error last_words() {
    if (auto message = next(); message && std::holds_alternative<AuditGivenUp>(*message)) return other_than(*message);
    return {Code::closed, "audit", "", "the other site ended the connection", ended_advice};
  }

  [[nodiscard]] Result<std::string> read_line() {
    std::array<std::uint8_t, 16384> piece;
    while (true) {
      if (const auto end = input_.find('\n'); end != std::string::npos) {
        std::string line = input_.substr(0, end);
        input_.erase(0, end + 1);
        return line;
      }
      if (input_.size() >= longest_audit_line) {
        return fail({Code::protocol, "audit", "the other site's message", "a line without end", "run the same release at both sites"});
      }
      if (auto ready = wait(POLLIN); !ready) return fail(std::move(ready.error()));
      auto got = receive(fd_, piece, MSG_DONTWAIT);
      if (!got || (got->has_value() && (*got)->size == 0)) {
        return fail({Code::closed, "audit", "", "the other site ended the connection before the audit was complete", ended_advice});
      }
      if (got->has_value()) input_.append(reinterpret_cast<const char*>(piece.data()), (*got)->size);
    }
  }

  int fd_;
  Clock::time_point deadline_;
  std::string input_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

Status send_rows(Lines& lines, const std::vector<wire::AuditRow>& rows) {
  for (std::size_t at = 0; at < rows.size();) {
    const AuditRows chunk = next_chunk(rows, at);
    at += chunk.rows.size();
    if (auto sent = lines.send(chunk); !sent) return sent;
  }
  return lines.send(AuditEnd{});
}

/// The other side's rows, which must be those that it committed itself to.
Result<std::vector<wire::AuditRow>> receive_rows(Lines& lines, const AuditCommit& commit, AuditSide sender, ByteView nonce) {
  std::vector<wire::AuditRow> out;
  while (true) {
    auto message = lines.next();
    if (!message) return fail(std::move(message.error()));
    if (std::holds_alternative<AuditEnd>(*message)) break;
    auto* chunk = std::get_if<AuditRows>(&*message);
    if (chunk == nullptr) return fail(Lines::other_than(*message));
    if (chunk->rows.size() > commit.count - out.size()) {
      return fail({Code::protocol, "audit", "the other site's keys", fmt::format("more than the {} that it spoke of", commit.count), {}});
    }
    for (wire::AuditRow& row : chunk->rows) out.push_back(std::move(row));
  }
  if (out.size() != commit.count || audit_digest(sender, nonce, out) != commit.digest) {
    return fail({Code::protocol, "audit", "the other site's keys", "not those that it committed itself to before it saw ours",
                 "trust nothing that it says of its keys"});
  }
  return out;
}

/// Ours, as they may be sent.
Result<std::vector<wire::AuditRow>> own_rows(const RowsOf& rows_of, ByteView nonce) {
  auto rows = rows_of(nonce);
  if (!rows) return rows;
  if (rows->size() > most_audit_rows) {
    return fail({Code::invalid, "audit", "", fmt::format("{} keys; an audit takes at most {}", rows->size(), most_audit_rows), {}});
  }
  for (wire::AuditRow& row : *rows) {
    if (row.check.size() != check_value_size) return fail({Code::internal, "audit", "keeper", "a check value of another size", {}});
    row.id = row.id.empty() ? "(no id)" : printable(row.id, longest_audit_id - 8);  // room for the end of one that was cut
  }
  return rows;
}

template <class T>
Result<T> exchange(Lines& lines, AuditSide side, const T& ours) {
  if (side == AuditSide::connecting) {
    if (auto sent = lines.send(ours); !sent) return fail(std::move(sent.error()));
  }
  auto theirs = lines.expect<T>();
  if (!theirs) return theirs;
  if (side == AuditSide::listening) {
    if (auto sent = lines.send(ours); !sent) return fail(std::move(sent.error()));
  }
  return theirs;
}

Result<AuditReport> audit(Lines& lines, AuditSide side, const RowsOf& rows_of) {
  const bool connecting = side == AuditSide::connecting;
  const AuditSide other = connecting ? AuditSide::listening : AuditSide::connecting;
  AuditHello hello{Bytes(audit_random_size)};
  if (RAND_bytes(hello.random.data(), audit_random_size) != 1) return fail(tls::openssl_error(Code::internal, "RAND_bytes", ""));
  const auto their_hello = exchange(lines, side, hello);
  if (!their_hello) return fail(their_hello.error());
  const Bytes nonce = connecting ? audit_nonce(hello.random, their_hello->random) : audit_nonce(their_hello->random, hello.random);
  const auto here = own_rows(rows_of, nonce);
  if (!here) {
    static_cast<void>(lines.send(AuditGivenUp{"it could not read its own keys"}));  // the first error is the one to tell
    return fail(here.error());
  }
  const auto their_commit = exchange(lines, side, AuditCommit{here->size(), audit_digest(side, nonce, *here)});
  if (!their_commit) return fail(their_commit.error());
  if (connecting) {
    if (auto sent = send_rows(lines, *here); !sent) return fail(std::move(sent.error()));
  }
  const auto there = receive_rows(lines, *their_commit, other, nonce);
  if (!there) return fail(there.error());
  if (!connecting) {
    if (auto sent = send_rows(lines, *here); !sent) return fail(std::move(sent.error()));
  }
  return compare(*here, *there);
}

}  // namespace

Result<AuditReport> talk(int connection, AuditSide side, const RowsOf& rows_of, Clock::time_point deadline) {
  Lines lines(connection, deadline);
  auto report = audit(lines, side, rows_of);
  if (!report && report.error().code == Code::protocol) {
    static_cast<void>(lines.send(AuditGivenUp{"it got " + report.error().subject + ": " + report.error().reason}));
  }
  return report;
}

}  // namespace tlspool::qkd
