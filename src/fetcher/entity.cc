// SPDX-License-Identifier: Apache-2.0
#include "fetcher/entity.h"

#include <system_error>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "counters/page.h"
#include "fetcher/dial.h"

namespace tlspool::fetcher {
namespace {

// The code of a refusal says whether the entity has no key, or does not have this one.
wire::KeyProblem problem_of(Code code) {
  if (code == Code::busy) return wire::KeyProblem::exhausted;
  if (code == Code::not_found) return wire::KeyProblem::unknown;
  return wire::KeyProblem::failed;
}

}  // namespace

void Entity::ask(wire::FetchRequest request, Answer answer) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(setup_.timeout_ms);
  const std::lock_guard lock(mutex_);
  if (jobs_.size() == longest_queue) {
    const Error full{Code::io, "fetch", {}, std::to_string(longest_queue) + " requests are waiting for it", "try again later"};
    return answer(failure(full, request));
  }
  jobs_.push_back({std::move(request), deadline, std::move(answer)});
  if (idle_ >= jobs_.size() || threads_ == most_threads) return changed_.notify_one();
  try {
    std::thread([self = shared_from_this()] { self->serve(); }).detach();
    ++threads_;
  } catch (const std::system_error& e) {
    if (threads_ > 0) return;  // one of the others will take it
    Job job = std::move(jobs_.back());
    jobs_.pop_back();
    job.answer(failure(system_error("start a thread", {}, e.code().value()), job.request));
  }
}

void Entity::retire() {
  const std::lock_guard lock(mutex_);
  retired_ = true;
  changed_.notify_all();
}

void Entity::serve() {
  etsi014::Client client(HttpsUrl{setup_.host, setup_.port, setup_.path},
                         [this](Deadline deadline) { return connect(deadline); });
  std::unique_lock lock(mutex_);
  ++idle_;
  while (true) {
    changed_.wait(lock, [this] { return !jobs_.empty() || retired_; });
    if (jobs_.empty()) break;
    --idle_;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    const auto began = counters::Clock::now();
    wire::FetchAnswer said = answer(client, job);
    counters::count<counters::Family::fetches>(said.problem == wire::KeyProblem::none ? counters::Fetch::answered : counters::Fetch::failed);
    counters::observe<counters::Family::fetch_time>(counters::Clock::now() - began);
    lock.lock();
    ++idle_;  // before it is told: who asks again at once shall find this thread with its open connection
    lock.unlock();
    job.answer(std::move(said));
    lock.lock();
  }
  --idle_;
  --threads_;
}

Result<UniqueFd> Entity::connect(Deadline deadline) {
  const auto socket = dial(setup_.host, setup_.port, deadline);
  if (!socket) return fail(socket.error());
  const std::unique_lock turn(handshake_, deadline);
  if (!turn) return fail({Code::timeout, "TLS handshake", {}, "others with this entity took all the time", {}});
  return links_->start_tls(*socket, setup_.identity, setup_.expect, deadline);
}

wire::FetchAnswer Entity::answer(etsi014::Client& client, const Job& job) const {
  const wire::FetchRequest& request = job.request;
  if (std::chrono::steady_clock::now() >= job.deadline) {
    return failure({Code::timeout, "fetch", {}, "earlier requests took all the time, so nothing was asked", "try again later"}, request);
  }
  auto keys = request.key_id.empty() ? client.enc_keys(request.sae, {.number = 1, .size = request.bits}, job.deadline)
                                     : client.dec_keys(request.sae, {request.key_id}, request.bits, job.deadline);
  if (!keys) return failure(keys.error(), request);
  for (const std::string& problem : keys->problems) {
    log::warning("fetcher.odd_answer", {{"kme", setup_.name}, {"problem", problem}});
  }
  const etsi014::Key& key = keys->keys.front();
  return {.key_id = key.id, .key = copy_of(key.value.bytes())};
}

wire::FetchAnswer Entity::failure(const Error& error, const wire::FetchRequest& request) const {
  wire::FetchAnswer out;
  out.problem = problem_of(error.code);
  out.key_id = printable(request.key_id, 64);
  out.message = "key management entity " + setup_.name + ": ";
  if (!request.key_id.empty() && error.text().find(request.key_id) == std::string::npos) out.message += "key " + out.key_id + ": ";
  out.message += error.text();
  log::warning("fetcher.failed_request", {{"kme", setup_.name}, {"key_id", out.key_id}, {"error", error.text()}});
  return out;
}

}  // namespace tlspool::fetcher
