// SPDX-License-Identifier: Apache-2.0
#include "keeper/fetcher_link.h"

#include "base/log.h"
#include "base/secret.h"
#include "wire/ipc.h"

namespace tlspool::keeper {
namespace {

// The fetcher has a timeout for each entity; this one is for a fetcher that hangs.
constexpr std::chrono::seconds patience{60};
constexpr std::size_t most_answer = 4 << 20;  // more than an entity may say

Error lost(const std::string& reason) {
  return {Code::closed, "ask the key management entity", "", reason,
          "what it may have answered is lost; the next connection asks for another key"};
}

}  // namespace

void FetcherLink::connect(UniqueFd socket) {
  give_up("the fetcher was replaced");
  Channel::Limits limits = Channel::for_server("fetcher");
  limits.body = most_answer;
  channel_ = std::make_unique<Channel>(loop_, std::move(socket), std::move(limits), [this](Frame frame) {
    took(frame);
    wipe(frame.body);
  }, [this] {
    channel_.reset();
    give_up("the fetcher has ended");
  });
}

void FetcherLink::ask(const wire::FetchRequest& request, Done done) {
  if (!channel_) {
    return done(fail({Code::closed, "ask the key management entity", "kme=" + request.kme, "the fetcher does not run",
                      "it starts when the configuration has a [[kme]]; see the log of the pool"}));
  }
  pending_.emplace(++last_, Pending{std::move(done), Clock::now() + patience});
  channel_->send(wire::Kind::fetch_request, last_, wire::encode(request));
  plan();
}

void FetcherLink::took(const Frame& frame) {
  const auto at = pending_.find(frame.number);
  if (frame.kind != wire::Kind::fetch_answer || at == pending_.end()) {
    log::warning("frame.refused", {{"from", "fetcher"}, {"kind", std::to_string(frame.kind)}});
    return;
  }
  const Done done = std::move(at->second.done);
  pending_.erase(at);
  plan();
  done(wire::decode<wire::FetchAnswer>(frame.body));
}

void FetcherLink::give_up(const std::string& reason) {
  std::map<std::uint64_t, Pending> pending;
  pending.swap(pending_);
  timer_.stop();
  for (auto& [number, each] : pending) each.done(fail(lost(reason)));
}

void FetcherLink::plan() {
  if (pending_.empty()) return timer_.stop();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(pending_.begin()->second.until - Clock::now());
  timer_.start(std::max(wait, std::chrono::milliseconds{1}), [this] {
    while (!pending_.empty() && pending_.begin()->second.until <= Clock::now()) {
      const Done done = std::move(pending_.begin()->second.done);
      pending_.erase(pending_.begin());
      done(fail(lost("the fetcher did not answer in time")));
    }
    plan();
  });
}

}  // namespace tlspool::keeper
