// SPDX-License-Identifier: Apache-2.0
#include "cli/dane_peer.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "base/text.h"
#include "tls/openssl.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_reply = 4096;
constexpr int most_lines = 100;
constexpr const char* right_port = "does it take STARTTLS at this port?";

void limit(int fd, std::chrono::milliseconds timeout) {
  const timeval wait{timeout.count() / 1000, static_cast<suseconds_t>(timeout.count() % 1000 * 1000)};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

/// A line of text before TLS, byte by byte: what follows it is not ours to read.
Result<std::string> read_line(int fd, const std::string& subject) {
  std::string line;
  char c = 0;
  while (line.size() < longest_reply) {
    const ssize_t n = recv(fd, &c, 1, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail({Code::io, "STARTTLS", subject, n == 0 ? "the server closed the connection" : "the server says nothing", right_port});
    if (c == '\n') return line;
    if (c != '\r') line += c;
  }
  return fail({Code::protocol, "STARTTLS", subject, "the server sends endless lines", right_port});
}

/// Until a line begins with `wanted`; others before it must be of the kind that the protocol puts there.
Status expect(int fd, const std::string& wanted, const std::string& more, const std::string& subject) {
  for (int i = 0; i < most_lines; ++i) {
    const auto line = read_line(fd, subject);
    if (!line) return fail(line.error());
    if (line->starts_with(wanted)) return {};
    if (more.empty() || !line->starts_with(more)) {
      return fail({Code::protocol, "STARTTLS", subject, "the server answered \"" + printable(*line) + "\"", right_port});
    }
  }
  return fail({Code::protocol, "STARTTLS", subject, "the server sends endless lines", right_port});
}

Status send_line(int fd, const std::string& text, const std::string& subject) {
  if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) return {};
  return fail(system_error("STARTTLS", subject, errno));
}

struct Step {
  const char* say;
  const char* expect;
  const char* more;  ///< how lines before the expected one begin; "": there are none
};

std::vector<Step> steps_of(StartTls starttls) {
  switch (starttls) {
    case StartTls::none:
      return {};
    case StartTls::smtp:
      return {{"", "220 ", "220-"}, {"EHLO localhost\r\n", "250 ", "250-"}, {"STARTTLS\r\n", "220 ", ""}};
    case StartTls::imap:
      return {{"", "* OK", ""}, {"a STARTTLS\r\n", "a OK", "* "}};
    case StartTls::pop3:
      return {{"", "+OK", ""}, {"STLS\r\n", "+OK", ""}};
  }
  return {};
}

Result<std::vector<Bytes>> chain_of(SSL* ssl, const std::string& subject) {
  std::vector<Bytes> out;
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); ++i) out.push_back(tls::der_of(sk_X509_value(chain, i)));
  if (out.empty()) return fail({Code::certificate, "TLS handshake", subject, "the server showed no certificate", {}});
  return out;
}

}  // namespace

Result<std::vector<Bytes>> served_chain(const ServedBy& by) {
  const std::string subject = by.where.text();
  const auto socket = connect_tcp(by.where, by.timeout);
  if (!socket) return fail(socket.error());
  limit(socket->get(), by.timeout);
  for (const Step& step : steps_of(by.starttls)) {
    if (step.say[0] != '\0') {
      if (auto said = send_line(socket->get(), step.say, subject); !said) return fail(std::move(said.error()));
    }
    if (auto done = expect(socket->get(), step.expect, step.more, subject); !done) return fail(std::move(done.error()));
  }
  const tls::SslContext context{SSL_CTX_new(TLS_client_method())};
  if (!context) return fail(tls::openssl_error(Code::internal, "SSL_CTX_new", subject));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  const tls::Ssl ssl{SSL_new(context.get())};
  if (!ssl || SSL_set_fd(ssl.get(), socket->get()) != 1) return fail(tls::openssl_error(Code::internal, "SSL_new", subject));
  const bool named = by.server_name.empty() || SSL_set_tlsext_host_name(ssl.get(), by.server_name.c_str()) == 1;
  errno = 0;
  if (!named || SSL_connect(ssl.get()) != 1) {
    Error e = tls::openssl_error(Code::tls, "TLS handshake", subject);
    if (errno == EAGAIN) e.reason = "the server says nothing";
    return fail(std::move(e));
  }
  auto chain = chain_of(ssl.get(), subject);
  SSL_shutdown(ssl.get());
  return chain;
}

}  // namespace tlspool::cli
