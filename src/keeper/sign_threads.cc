// SPDX-License-Identifier: Apache-2.0
#include "keeper/sign_threads.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cerrno>
#include <system_error>

#include "base/log.h"
#include "base/socket.h"

namespace tlspool::keeper {

namespace {

using counters::Mechanism;
using counters::SignResult;

// P-256 in SoftHSM2 takes 50 us, RSA-2048 600; to wake a thread takes 10 to 20.
constexpr std::chrono::microseconds quick{200};

// RFC 8446 section 4.2.3.
Mechanism mechanism_of(std::uint16_t scheme) {
  if (scheme == 0x0403) return Mechanism::ecdsa_p256;
  if (scheme == 0x0503) return Mechanism::ecdsa_p384;
  if (scheme == 0x0807) return Mechanism::ed25519;
  if ((scheme & 0xff) == 0x01) return Mechanism::rsa_pkcs1;
  return (scheme >> 8) == 0x08 ? Mechanism::rsa_pss : Mechanism::other;
}

SignResult result_of(const Result<Bytes>& signature) {
  if (signature) return SignResult::signed_;
  const Code code = signature.error().code;
  return code == Code::denied || code == Code::not_found ? SignResult::refused : SignResult::failed;
}

}  // namespace

SignThreads::SignThreads(std::shared_ptr<Token> token, UniqueFd socket, unsigned parallel)
    : token_(std::move(token)), number_(static_cast<counters::Token>(token_->setup().number)), socket_(std::move(socket)) {
  const int flags = fcntl(socket_.get(), F_GETFL);
  if (flags >= 0) (void)fcntl(socket_.get(), F_SETFL, flags & ~O_NONBLOCK);
  const unsigned count = std::clamp(parallel, 1U, 64U);
  try {
    for (unsigned i = 0; i < count; ++i) {
      ++running_;
      threads_.emplace_back([this] {
        serve();
        --running_;
      });
    }
  } catch (const std::system_error& e) {
    --running_;
    log::error("thread.failed", {{"token", token_->name()}, {"problem", e.what()}});
  }
}

SignThreads::~SignThreads() {
  (void)shutdown(socket_.get(), SHUT_RDWR);
  for (std::thread& t : threads_) t.join();
}

// A worker in its right mind is refused nothing but what its token can't do just now. One that was taken gets its
// refusals, each in the log, at a pace that leaves room in there for others.
void SignThreads::refused() {
  constexpr unsigned at_once = 1000;
  if (++refused_ > at_once) std::this_thread::sleep_for(std::chrono::milliseconds{20});
}

void SignThreads::serve() {
  Signer signer;
  Bytes packet(wire::max_sign_packet);
  std::unique_lock turn(turn_, std::defer_lock);
  while (true) {
    if (alone_ && !turn.owns_lock()) turn.lock();
    if (!alone_ && turn.owns_lock()) turn.unlock();
    const ssize_t size = recv(socket_.get(), packet.data(), packet.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    const auto length = static_cast<std::size_t>(size);
    Result<wire::SignRequest> request = fail({Code::protocol, "decode", "sign request", "too long", {}});
    if (length <= packet.size()) request = wire::decode<wire::SignRequest>({packet.data(), length});
    if (!request) {
      // A worker that is in its right mind sends no such thing.
      log::warning("key.refused", {{"token", token_->name()}, {"reason", request.error().text()}});
      (void)shutdown(socket_.get(), SHUT_RDWR);
      break;
    }
    wire::SignReply reply{request->number, {}, {}};
    const auto began = counters::Clock::now();
    auto signature = token_->sign(signer, *request);
    const auto took = counters::Clock::now() - began;
    alone_ = took < quick && token_->only_computes();
    counters::count<counters::Family::signatures>(number_, mechanism_of(request->scheme), result_of(signature));
    if (signature) {
      counters::observe<counters::Family::signature_time>(took, number_);
      reply.signature = std::move(*signature);
    } else {
      reply.problem = signature.error().text();
      if (signature.error().code == Code::denied || signature.error().code == Code::not_found) refused();
    }
    if (!transmit(socket_.get(), wire::encode(reply), {})) break;
  }
  token_->finish(signer);
}

}  // namespace tlspool::keeper
