// SPDX-License-Identifier: Apache-2.0
#include "trust/resolver.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <unbound.h>

#include "base/durable.h"
#include "base/handle.h"
#include "base/text.h"
#include "trust/unbound_events.h"

namespace tlspool::trust {
namespace {

using namespace std::chrono_literals;
using Context = std::unique_ptr<ub_ctx, Freed<ub_ctx_delete>>;

constexpr int type_dnskey = 48;
// RFC 5011 section 2.3 wants the root's keys looked at now and then, also where nobody asks anything.
constexpr auto key_interval = 1h;

Error config_error(const std::string& subject, std::string reason, std::string advice) {
  return {Code::config, "set up the DNS resolver", subject, std::move(reason), std::move(advice)};
}

Status check_anchor(const ResolverSettings& settings) {
  const bool holds_key = settings.root_anchor.find("DS") != std::string::npos || settings.root_anchor.find("DNSKEY") != std::string::npos;
  if (holds_key) return {};
  return fail(config_error(settings.anchor_file, "there is no key of the root zone to start from",
                           "install dns-root-data, or name a file with the root's DS or DNSKEY records in [dns] root_anchor"));
}

Status make_anchor_file(const ResolverSettings& settings) {
  struct stat info{};
  if (stat(settings.anchor_file.c_str(), &info) == 0 && info.st_size > 0) return {};
  if (auto good = check_anchor(settings); !good) return good;
  if (info.st_size == 0) (void)unlink(settings.anchor_file.c_str());
  return write_new(settings.anchor_file, view(settings.root_anchor), 0644);
}

// Each question that waits for a server holds a socket; the process needs descriptors for other things, too.
std::size_t sockets_for(std::size_t waiting) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return waiting;
  return std::clamp<std::size_t>(limit.rlim_cur / 2, 16, waiting);
}

}  // namespace

class Resolver::Impl {
 public:
  Impl(Loop& loop, const ResolverSettings& settings)
      : loop_(loop), events_(loop), most_waiting_(settings.most_waiting), deadline_(settings.deadline), upkeep_(loop) {}
  ~Impl() { context_.reset(); }  // before what it calls

  Status set_up(const ResolverSettings& settings);
  Question ask(const std::string& name, DnsType type, OnAnswer on_answer);
  void cancel(Question question);
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    Impl* owner;
    Question number;
    std::string name;
    DnsType type;
    OnAnswer on_answer;
    Timer timer;
    int id = 0;  // libunbound's; 0 once that is done with it
  };

  Status option(const char* name, const std::string& value);
  Status trust_root(const ResolverSettings& settings);
  void look_at_keys();
  void deliver(Question question, DnsAnswer answer);
  // Not from within ask(), nor from within libunbound, which the callback may destroy.
  void deliver_soon(Waiting& w, DnsAnswer answer);
  static void answered(void* data, int rcode, void* packet, int size, int security, char* why, int limited);
  static DnsAnswer read(const Waiting& w, int rcode, ByteView packet, int security, const char* why);

  Loop& loop_;
  UnboundEvents events_;
  std::size_t most_waiting_;
  std::chrono::milliseconds deadline_;
  Context context_;
  std::map<Question, std::unique_ptr<Waiting>> waiting_;
  Question last_ = 0;
  Timer upkeep_;
};

Status Resolver::Impl::option(const char* name, const std::string& value) {
  const int rc = ub_ctx_set_option(context_.get(), name, value.c_str());
  return rc == 0 ? Status{} : fail(config_error(name, ub_strerror(rc), ""));
}

Status Resolver::Impl::set_up(const ResolverSettings& settings) {
  context_.reset(ub_ctx_create_ub_event(events_.base()));
  if (!context_) return fail(config_error("", "libunbound can't start", ""));
  ub_ctx_debugout(context_.get(), nullptr);  // its problems come with the answers
  const std::string sockets = std::to_string(sockets_for(settings.most_waiting));
  Status done = option("val-log-level:", "2");  // else bogus answers have no reason
  if (done) done = option("outgoing-range:", sockets);
  if (done) done = option("num-queries-per-thread:", sockets);
  if (done) done = option("outgoing-num-tcp:", "64");
  // Name servers on this machine are what somebody has configured.
  if (done && !(settings.forwarders.empty() && settings.stubs.empty())) done = option("do-not-query-localhost:", "no");
  if (!done) return done;
  for (const std::string& address : settings.forwarders) {
    const int rc = ub_ctx_set_fwd(context_.get(), address.c_str());
    if (rc != 0) return fail(config_error(printable(address), ub_strerror(rc), "write ADDRESS or ADDRESS@PORT"));
  }
  for (const DnsStub& s : settings.stubs) {
    const int rc = ub_ctx_set_stub(context_.get(), s.zone.c_str(), s.address.c_str(), 0);
    if (rc != 0) return fail(config_error(printable(s.zone + " " + s.address), ub_strerror(rc), "write ADDRESS or ADDRESS@PORT"));
  }
  return trust_root(settings);
}

Status Resolver::Impl::trust_root(const ResolverSettings& settings) {
  if (settings.anchor_file.empty()) {
    if (auto good = check_anchor(settings); !good) return good;
    for (const std::string& line : split(settings.root_anchor, '\n')) {
      if (line.find_first_not_of(" \t\r") == std::string::npos || line.front() == ';') continue;
      const int rc = ub_ctx_add_ta(context_.get(), line.c_str());
      if (rc != 0) return fail(config_error(printable(line), ub_strerror(rc), "write each DS or DNSKEY record of the root on a line of its own"));
    }
    return {};
  }
  if (auto made = make_anchor_file(settings); !made) return made;
  const int rc = ub_ctx_add_ta_autr(context_.get(), settings.anchor_file.c_str());
  if (rc != 0) return fail(config_error(settings.anchor_file, ub_strerror(rc), "remove the file to start again from the root's published key"));
  look_at_keys();
  return {};
}

// libunbound walks through RFC 5011 whenever its copy of the root's keys has expired and somebody wants them.
void Resolver::Impl::look_at_keys() {
  (void)ub_resolve_event(context_.get(), ".", type_dnskey, dns_class_in, nullptr, [](void*, int, void*, int, int, char*, int) {}, nullptr);
  upkeep_.start(key_interval, [this] { look_at_keys(); });
}

Resolver::Question Resolver::Impl::ask(const std::string& name, DnsType type, OnAnswer on_answer) {
  const Question number = ++last_;
  auto& w = *(waiting_[number] = std::unique_ptr<Waiting>(new Waiting{this, number, name, type, std::move(on_answer), Timer(loop_), 0}));
  if (waiting_.size() > most_waiting_) {
    deliver_soon(w, {DnsOutcome::failed, false, {}, fmt::format("{} questions wait for the DNS already", most_waiting_)});
    return number;
  }
  w.timer.start(deadline_, [this, number] {
    deliver(number, {DnsOutcome::timeout, false, {}, "no answer came in time from the DNS"});
  });
  const int rc = ub_resolve_event(context_.get(), name.c_str(), static_cast<int>(type), dns_class_in, &w, answered, &w.id);
  if (rc != 0) {
    w.id = 0;
    deliver_soon(w, {DnsOutcome::failed, false, {}, fmt::format("{}: {}", printable(name), ub_strerror(rc))});
  }
  return number;
}

void Resolver::Impl::cancel(Question question) {
  const auto at = waiting_.find(question);
  if (at == waiting_.end()) return;
  if (at->second->id != 0) (void)ub_cancel(context_.get(), at->second->id);
  waiting_.erase(at);
}

void Resolver::Impl::deliver(Question question, DnsAnswer answer) {
  const auto at = waiting_.find(question);
  if (at == waiting_.end()) return;
  const OnAnswer on_answer = std::move(at->second->on_answer);
  cancel(question);
  on_answer(std::move(answer));
}

void Resolver::Impl::deliver_soon(Waiting& w, DnsAnswer answer) {
  w.timer.start(0ms, [this, number = w.number, answer = std::move(answer)]() mutable { deliver(number, std::move(answer)); });
}

void Resolver::Impl::answered(void* data, int rcode, void* packet, int size, int security, char* why, int) {
  Waiting& w = *static_cast<Waiting*>(data);
  w.id = 0;
  const ByteView bytes{static_cast<const std::uint8_t*>(packet), packet != nullptr && size > 0 ? static_cast<std::size_t>(size) : 0};
  DnsAnswer answer = read(w, rcode, bytes, security, why);
  w.owner->deliver_soon(w, std::move(answer));
}

DnsAnswer Resolver::Impl::read(const Waiting& w, int rcode, ByteView packet, int security, const char* why) {
  constexpr int bogus = 1;
  constexpr int secure = 2;
  constexpr int no_error = 0;
  constexpr int no_name = 3;
  if (security == bogus) return {DnsOutcome::bogus, false, {}, why != nullptr ? printable(why, 512) : "validation failed"};
  // With a code of its own libunbound leaves an older packet in its buffer.
  if (rcode != no_error || packet.empty()) return {DnsOutcome::failed, false, {}, fmt::format("no name server gave a usable answer (code {})", rcode)};
  auto message = read_dns_message(packet, w.name, w.type);
  if (!message) return {DnsOutcome::failed, false, {}, message.error().reason};
  if (message->rcode != no_error && message->rcode != no_name) {
    return {DnsOutcome::failed, false, {}, fmt::format("name servers answered with code {}", message->rcode)};
  }
  DnsAnswer out;
  out.secure = security == secure;
  out.outcome = message->rcode == no_name                                   ? DnsOutcome::no_name
                : message->records.empty() && message->targets.empty() ? DnsOutcome::no_data
                                                                       : DnsOutcome::answer;
  out.message = *std::move(message);
  return out;
}

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::create(Loop& loop, const ResolverSettings& settings) {
  auto impl = std::make_unique<Impl>(loop, settings);
  if (auto done = impl->set_up(settings); !done) return fail(std::move(done.error()));
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

Resolver::Question Resolver::ask(const std::string& name, DnsType type, OnAnswer on_answer) {
  return impl_->ask(name, type, std::move(on_answer));
}
void Resolver::cancel(Question question) { impl_->cancel(question); }
std::size_t Resolver::waiting() const { return impl_->waiting(); }

}  // namespace tlspool::trust
