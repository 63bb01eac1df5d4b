// SPDX-License-Identifier: Apache-2.0
#include "fetcher/fetcher.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "base/name_service.h"
#include "base/secret.h"
#include "base/text.h"
#include "fetcher/dial.h"
#include "wire/confine.h"
#include "wire/log_setup.h"

namespace tlspool::fetcher {
namespace {

bool same(const wire::KmeSetup& a, const wire::KmeSetup& b) { return wire::encode(a) == wire::encode(b); }

}  // namespace

struct Fetcher::Outbox {
  struct Item {
    std::uint64_t generation = 0;
    std::uint64_t number = 0;
    wire::FetchAnswer answer;
  };
  UniqueFd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex;
  std::vector<Item> items;

  void put(Item item) {
    {
      const std::lock_guard lock(mutex);
      items.push_back(std::move(item));
    }
    const std::uint64_t one = 1;
    // A counter that is full wakes the loop just as well.
    (void)!::write(wake.get(), &one, sizeof one);
  }
  std::vector<Item> take() {
    std::uint64_t count = 0;
    (void)!::read(wake.get(), &count, sizeof count);
    const std::lock_guard lock(mutex);
    return std::exchange(items, {});
  }
};

Fetcher::Fetcher(Loop& loop, UniqueFd supervisor)
    : loop_(loop),
      outbox_(std::make_shared<Outbox>()),
      supervisor_(loop, std::move(supervisor), [this](Frame frame) { on_supervisor(std::move(frame)); },
                  [this] { loop_.stop(); }) {
  if (!outbox_->wake.valid()) {
    give_up(system_error("eventfd", {}, errno));
    return;
  }
  wakes_ = std::make_unique<Poll>(loop, outbox_->wake.get(), [this](int) { send_answers(); });
  wakes_->want(Poll::readable);
}

Fetcher::~Fetcher() = default;

void Fetcher::on_supervisor(Frame frame) {
  if (frame.kind == wire::Kind::log_setup) {
    if (auto done = wire::start_log(std::move(frame)); !done) return give_up(done.error());
  } else if (frame.kind == wire::Kind::fetcher_setup) {
    set_up(frame);
  } else if (frame.kind == wire::Kind::fetcher_end) {
    set_keeper(std::move(frame));
  } else if (frame.kind == wire::Kind::fetcher_control_end) {
    if (frame.descriptors.size() != 1) return give_up({Code::protocol, "fetcher_control_end", "", "not one descriptor", {}});
    links_->add(std::move(frame.descriptors.front()));
  } else {
    log::warning("fetcher.unknown_frame", {{"kind", std::to_string(frame.kind)}});
  }
}

void Fetcher::set_up(const Frame& frame) {
  const auto setup = wire::decode<wire::FetcherSetup>(frame.body);
  if (!setup) return give_up(setup.error());
  if (!sandboxed_) {
    const auto tell = [this](UniqueFd watch) { supervisor_.send(wire::Kind::sandbox_watch, 0, {}, only(std::move(watch))); };
    if (auto done = wire::confine({Confinement::fetcher, prepare_resolver(), {}}, tell); !done) return give_up(done.error());
    sandboxed_ = true;
  }
  std::map<std::string, std::shared_ptr<Entity>> entities;
  for (const wire::KmeSetup& kme : setup->kmes) {
    const auto old = entities_.find(kme.name);
    const bool kept = old != entities_.end() && same(old->second->setup(), kme);
    entities[kme.name] = kept ? old->second : std::make_shared<Entity>(kme, links_);
  }
  for (const auto& [name, entity] : entities_) {
    if (const auto now = entities.find(name); now == entities.end() || now->second != entity) entity->retire();
  }
  entities_ = std::move(entities);
  log::debug("fetcher.ready", {{"kmes", std::to_string(entities_.size())}});
  supervisor_.send(wire::Kind::fetcher_ready, frame.number, {});
}

void Fetcher::set_keeper(Frame frame) {
  if (frame.descriptors.size() != 1) return give_up({Code::protocol, "fetcher_end", "", "not one descriptor", {}});
  ++keeper_generation_;
  keeper_ = std::make_unique<Channel>(
      loop_, std::move(frame.descriptors.front()), [this](const Frame& request) { on_keeper(request); },
      [this] { keeper_.reset(); });
}

void Fetcher::on_keeper(const Frame& frame) {
  if (frame.kind != wire::Kind::fetch_request || !frame.descriptors.empty()) {
    return drop_keeper("a frame that asks for no key");
  }
  auto request = wire::decode<wire::FetchRequest>(frame.body);
  if (!request) return drop_keeper("a malformed request");
  const auto answer = [outbox = outbox_, generation = keeper_generation_, number = frame.number](wire::FetchAnswer said) {
    outbox->put({generation, number, std::move(said)});
  };
  const auto entity = entities_.find(request->kme);
  if (!sandboxed_ || entity == entities_.end()) {
    const Error unknown{Code::config, "fetch", "key management entity " + printable(request->kme), "no [[kme]] has this name",
                        "name one in tlspool.toml"};
    return answer({.problem = wire::KeyProblem::failed, .message = unknown.text(), .key_id = request->key_id});
  }
  entity->second->ask(std::move(*request), answer);
}

void Fetcher::send_answers() {
  for (Outbox::Item& item : outbox_->take()) {
    if (keeper_ && item.generation == keeper_generation_) {
      Bytes body = wire::encode(item.answer);
      keeper_->send(wire::Kind::fetch_answer, item.number, body);
      wipe(body);
    } else if (item.answer.problem == wire::KeyProblem::none) {
      log::warning("fetcher.key_lost", {{"key_id", item.answer.key_id}, {"reason", "the keeper that asked has ended"}});
    }
    wipe(item.answer.key);
  }
}

void Fetcher::drop_keeper(const char* why) {
  log::error("fetcher.keeper_dropped", {{"reason", why}});
  keeper_.reset();
}

// Without its set-up a fetcher is of no use; the supervisor sees it end and says so.
void Fetcher::give_up(const Error& error) {
  log::error("fetcher.failed", {{"error", error.text()}});
  exit_status_ = 1;
  loop_.stop();
}

}  // namespace tlspool::fetcher
