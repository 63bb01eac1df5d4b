// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ticket_keys.h"

#include <openssl/rand.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/log.h"
#include "base/text.h"

namespace tlspool::supervisor {
namespace {

constexpr std::string_view prefix = "tlspool1t-";
/// Longer than the judge takes to ask memcached.
constexpr std::chrono::seconds answer_deadline{4};
/// Timers are 32 bit wide in places, and clocks are set: never wait longer before looking again.
constexpr std::chrono::milliseconds longest_wait = std::chrono::hours{1};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<Secret> new_key() {
  Secret key{TicketKeys::key_size};
  if (RAND_priv_bytes(key.writable().data(), static_cast<int>(key.size())) != 1) {
    return fail({Code::internal, "RAND_priv_bytes", "ticket key", "no random bytes", {}});
  }
  return key;
}

}  // namespace

TicketKeys::TicketKeys(Loop& loop, Events events)
    : loop_(loop), events_(std::move(events)), rotation_(loop), asking_(loop), dropping_(loop) {}

Status TicketKeys::begin(const Bytes& policy, ByteView cluster, Times times) {
  auto key = new_key();
  if (!key) return fail(std::move(key.error()));
  std::optional<authz::EntryBox> box;
  if (!cluster.empty()) {
    auto made = authz::EntryBox::make(cluster);
    if (!made) return fail(std::move(made.error()));
    box = std::move(*made);
  }
  box_ = std::move(box);
  policy_ = policy;
  times_ = times;
  current_ = std::move(*key);
  old_.clear();
  dropping_.stop();
  shared_ = false;
  said_alone_ = false;
  asked_epoch_ = epoch();
  plan_rotation();
  ask();
  return {};
}

std::int64_t TicketKeys::epoch() const { return now_ms() / times_.life.count(); }

void TicketKeys::plan_rotation() {
  if (!box_) return rotation_.start(times_.life, [this] { rotate(); });
  const std::int64_t left = (asked_epoch_ + 1) * times_.life.count() - now_ms();
  const auto wait = std::clamp<std::chrono::milliseconds>(std::chrono::milliseconds{left}, std::chrono::milliseconds{1}, longest_wait);
  rotation_.start(wait, [this] {
    if (epoch() != asked_epoch_) return rotate();
    plan_rotation();
  });
}

void TicketKeys::rotate() {
  auto key = new_key();
  asked_epoch_ = epoch();
  plan_rotation();
  if (!key) return log::error("ticket_key.kept", {{"reason", key.error().text()}});
  shared_ = false;
  replace(std::move(*key));
  events_.changed();
  ask();
}

void TicketKeys::replace(Secret key) {
  old_.insert(old_.begin(), {std::move(current_), now_ms() + times_.ticket.count()});
  current_ = std::move(key);
  if (old_.size() > most_old) old_.resize(most_old);
  plan_dropping();
}

void TicketKeys::plan_dropping() {
  if (old_.empty()) return dropping_.stop();
  const auto left = std::chrono::milliseconds{old_.back().until - now_ms()};
  dropping_.start(std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds{1}, longest_wait), [this] { drop_old(); });
}

// So long a taken worker could read what was recorded: old keys do not stay for longer than tickets do.
void TicketKeys::drop_old() {
  const auto before = old_.size();
  std::erase_if(old_, [now = now_ms()](const Old& old) { return old.until <= now; });
  plan_dropping();
  if (old_.size() != before) events_.changed();
}

authz::EntryKey TicketKeys::name_of(std::int64_t epoch) const {
  Bytes text = copy_of(view("ticket key"));
  text.push_back(0);
  for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(epoch) >> shift));
  for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(times_.life.count()) >> shift));
  text.insert(text.end(), policy_.begin(), policy_.end());
  return box_->key_of(text);
}

void TicketKeys::ask() {
  if (!box_ || !begun()) return;
  if (epoch() != asked_epoch_) return rotate();
  const authz::EntryKey name = name_of(asked_epoch_);
  const std::int64_t now = now_ms() / 1000;
  const std::int64_t end = ((asked_epoch_ + 1) * times_.life.count() + 999) / 1000;
  auto sealed = box_->seal(name, {now, std::max(end, now + 1), copy_of(current_.bytes())});
  if (!sealed) return log::error("ticket_key.not_shared", {{"reason", sealed.error().text()}});
  const auto seconds = static_cast<std::uint32_t>(std::max<std::int64_t>(end - now, 1));
  asking_.start(answer_deadline, [this] { alone("the judge did not answer"); });
  events_.share({authz::memcached_name(prefix, name), std::move(*sealed), seconds}, ++question_);
}

void TicketKeys::alone(const char* reason) {
  if (!std::exchange(said_alone_, true)) log::warning("ticket_key.alone", {{"reason", reason}});
  asking_.start(times_.retry, [this] { ask(); });
}

void TicketKeys::answered(const wire::SharedBlob& blob, std::uint64_t number) {
  if (!box_ || number != question_) return;  // to a question under another policy or of another epoch
  if (blob.sealed.empty()) return alone("no server of [cache] could be asked");
  const std::int64_t most_life = times_.life.count() / 1000 + authz::most_clock_difference + 1;
  authz::Opened opened = box_->open(name_of(asked_epoch_), blob.sealed, now_ms() / 1000, most_life);
  if (opened.opening != authz::Opening::good || opened.entry.content.size() != key_size) {
    log::warning("ticket_key.worthless", {{"reason", authz::word(opened.opening)}});
    wipe(opened.entry.content);
    return alone("what is there was not made by this cluster");
  }
  Secret key{ByteView{opened.entry.content}};
  wipe(opened.entry.content);
  asking_.start(times_.refresh, [this] { ask(); });
  said_alone_ = false;
  const bool ours = key.equals(current_);
  if (!std::exchange(shared_, true) || !ours) {
    log::info("ticket_key.shared", {{"epoch", std::to_string(asked_epoch_)}, {"made_here", ours ? "yes" : "no"}});
  }
  if (ours) return;
  replace(std::move(key));
  events_.changed();
}

Result<TicketKeys::Handed> TicketKeys::hand_over() const {
  Handed out{hex(policy_), UniqueFd{memfd_create("tlspool-ticket-keys", MFD_CLOEXEC)}};
  if (!out.memory.valid()) return fail(system_error("memfd_create", "ticket keys", errno));
  const auto add = [&](const Secret& key, std::int64_t left) {
    out.note += " " + std::to_string(left);
    return write(out.memory.get(), key.bytes().data(), key.size()) == static_cast<ssize_t>(key.size());
  };
  bool good = add(current_, times_.ticket.count());
  for (const Old& old : old_) good = good && add(old.key, old.until - now_ms());
  if (!good) return fail(system_error("write", "ticket keys", errno));
  return out;
}

Status TicketKeys::inherit(const std::string& note, const UniqueFd& memory) {
  const auto words = split(note, ' ');
  if (!begun() || words.front() != hex(policy_)) return fail({Code::policy, "take ticket keys over", "", "the policy is another one", {}});
  bool any = false;
  for (std::size_t i = 1; i < words.size() && old_.size() < most_old; ++i) {
    std::int64_t left = 0;
    std::from_chars(words[i].data(), words[i].data() + words[i].size(), left);
    Secret key{key_size};
    const ssize_t got = pread(memory.get(), key.writable().data(), key.size(), static_cast<off_t>((i - 1) * key_size));
    if (got != static_cast<ssize_t>(key_size)) return fail({Code::protocol, "take ticket keys over", "", "there are fewer than were told", {}});
    if (left <= 0 || key.equals(current_)) continue;
    old_.push_back({std::move(key), now_ms() + std::min<std::int64_t>(left, times_.ticket.count())});
    any = true;
  }
  if (!any) return {};
  plan_dropping();
  events_.changed();
  return {};
}

std::vector<Bytes> TicketKeys::old() const {
  std::vector<Bytes> out;
  for (const Old& old : old_) out.push_back(copy_of(old.key.bytes()));
  return out;
}

}  // namespace tlspool::supervisor
