// SPDX-License-Identifier: Apache-2.0
#include "judge/tls_links.h"

#include <algorithm>

#include "wire/varlink.h"

namespace tlspool::judge {
namespace {

tl::unexpected<Error> problem(Code code, std::string reason) { return fail({code, "TLS", "", std::move(reason), {}}); }

Result<UniqueFd> plaintext_of(const std::string& text, std::vector<UniqueFd> descriptors) {
  const auto answer = wire::parse_answer(text);
  if (!answer) return problem(Code::protocol, "the worker's answer could not be read");
  const std::string message = answer->parameters.text("message");
  if (!answer->error.empty()) return problem(Code::tls, message.empty() ? answer->error : message);
  UniqueFd plaintext = wire::take_descriptor(answer->parameters, "plaintextFileDescriptor", descriptors);
  if (!plaintext.valid()) return problem(Code::protocol, "the worker's answer has no plaintext descriptor");
  return plaintext;
}

template <class Job>
void finish(std::unique_ptr<Job> job, Result<UniqueFd> result) {
  if (job && job->on_done) job->on_done(std::move(result));
}

}  // namespace

void TlsLinks::add(UniqueFd connection) {
  const std::uint64_t number = ++last_;
  links_[number].connection = std::make_unique<VarlinkConnection>(
      loop_, std::move(connection),
      [this, number](const std::string& text, std::vector<UniqueFd> descriptors) { answered(number, text, std::move(descriptors)); },
      [this, number] { lost(number); });
  give_out_soon();
}

std::uint64_t TlsLinks::start(Wanted wanted, OnDone on_done) {
  const std::uint64_t number = ++last_;
  waiting_.push_back(std::make_unique<Job>(Job{number, std::move(wanted), std::move(on_done)}));
  give_out_soon();
  return number;
}

// A connection that is found closed while it is written to says so at once: nobody must be in the middle of anything then.
void TlsLinks::give_out_soon() {
  soon_.start(std::chrono::milliseconds(0), [this] { give_out(); });
}

void TlsLinks::cancel(std::uint64_t number) {
  std::erase_if(waiting_, [&](const auto& job) { return job->number == number; });
  for (auto& [id, link] : links_) {
    if (link.job && link.job->number == number) link.job->on_done = nullptr;  // the worker's answer is thrown away
  }
}

void TlsLinks::give_out() {
  std::vector<std::uint64_t> idle;
  for (const auto& [number, link] : links_) {
    if (!link.job) idle.push_back(number);
  }
  for (const std::uint64_t number : idle) {
    if (waiting_.empty()) return;
    const auto found = links_.find(number);
    if (found == links_.end()) continue;
    Link& link = found->second;
    link.job = std::move(waiting_.front());
    waiting_.pop_front();
    Wanted& wanted = link.job->wanted;
    wire::Value parameters = wire::Value::object();
    parameters.set("fileDescriptor", 0).set("role", "client").set("remoteIdentity", wanted.remote);
    parameters.set("alpn", wire::Value(wire::Value::Array{wire::Value("http/1.1")})).set("service", "hook");
    parameters.set("deadlineMs", std::clamp<std::int64_t>(wanted.deadline.count(), 1, 60'000));
    if (!wanted.local.empty()) parameters.set("localIdentity", wanted.local);
    link.connection->send(wire::call_text("io.tlspool.Pool.StartTLS", std::move(parameters)), only(std::move(wanted.socket)));
  }
}

void TlsLinks::answered(std::uint64_t link, const std::string& text, std::vector<UniqueFd> descriptors) {
  auto job = std::move(links_.at(link).job);
  give_out_soon();
  finish(std::move(job), plaintext_of(text, std::move(descriptors)));
}

// With its worker. Who waits has another one soon, or a deadline.
void TlsLinks::lost(std::uint64_t link) {
  auto gone = links_.extract(link);
  if (!gone.empty()) finish(std::move(gone.mapped().job), problem(Code::closed, "the worker went away"));
}

}  // namespace tlspool::judge
