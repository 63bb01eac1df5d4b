// SPDX-License-Identifier: Apache-2.0
// A new configuration: the judge, which alone can find that a file is not for its eyes, is told first; when it has agreed, the others are.
#include <algorithm>

#include "base/contains.h"
#include "base/log.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

constexpr std::chrono::seconds reload_deadline{10};

}  // namespace

void Pool::reload(Content content, OnReloaded done) {
  std::optional<Reload>& place = reload_ ? next_reload_ : reload_;
  if (!place) place = Reload{};
  place->content = std::move(content);
  place->done.push_back(std::move(done));
  if (&place == &reload_) begin_reload();
}

void Pool::begin_reload() {
  reload_timer_.start(reload_deadline, [this] { reload_is_late(); });
  // A judge that is about to be started begins with what is new.
  if (!judge_->running()) return take_content();
  send_judge_setup(reload_->content, ++reload_number_);
}

void Pool::judged(std::uint64_t number, const wire::JudgeReady& ready) {
  if (!reload_ || !reload_->judge || number != reload_number_) return;
  if (!ready.refused) return take_content();
  const std::string& where = reload_->content.config.trust.where;
  end_reload(fail({Code::config, "configuration", where.empty() ? ground_.paths.file() : where, "the judge: " + ready.problem, {}}));
}

void Pool::take_content() {
  std::vector<std::string> before;
  for (const auto& token : content_.config.tokens) before.push_back(token.name);
  content_ = std::move(reload_->content);
  reload_->judge = false;
  reload_->keeper = keeper_->running();
  send_keeper_setup();
  hooks_.set(content_.hooks);
  if (!is_retired()) apply_metrics();
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    connect_hook_controls(i);
    send_audit(i);
  }
  reload_fetcher();
  for (const auto& token : content_.config.tokens) {
    if (contains(before, token.name)) continue;
    for (std::uint32_t i = 0; i < workers_.size(); ++i) connect_keeper(i, token.name);
  }
  look_reloaded();
}

void Pool::look_reloaded() {
  if (reload_ && !reload_->judge && !reload_->keeper && !reload_->fetcher) finish_reload();
}

void Pool::reload_is_late() {
  if (!reload_->judge) return finish_reload();
  send_judge_setup(content_, 0);  // it may have taken the other one by now
  end_reload(fail({Code::timeout, "reload", "judge", "it did not answer in time", "look at its log, and try again"}));
}

void Pool::finish_reload() {
  if (reported_) renew_setup();
  recheck_sessions();
  std::vector<OnReloaded> done = std::exchange(reload_->done, {});
  // Frames keep their order: a worker that answers this has taken the setup that went before.
  ask_workers(Kind::counters_query, [done = std::move(done)](const std::vector<Bytes>&) {
    for (const auto& one : done) one({});
  });
  end_reload({});
}

void Pool::end_reload(const Status& how) {
  reload_timer_.stop();
  const std::vector<OnReloaded> done = std::move(reload_->done);
  reload_ = std::exchange(next_reload_, std::nullopt);
  if (!how && reported_) renew_setup();  // whatever came meanwhile waited for the end of this
  for (const auto& one : done) one(how);
  if (reload_) begin_reload();
}

}  // namespace tlspool::supervisor
