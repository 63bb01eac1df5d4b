// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_admin.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "keeper/key_admin_job.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {
namespace {

using wire::KeyAdminKind;

// CKA_LABEL and CKA_ID hold it, and a YubiHSM2 takes 40 bytes for "psk:" and the name.
Status check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 64 &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return c > ' ' && c < 127 && std::string_view(":/\"\\").find(c) == std::string_view::npos;
                    });
  if (good) return {};
  return fail({Code::invalid, "name a key", printable(name), "a name has 1 to 64 printable ASCII characters, and no blank, : / \" or \\", {}});
}

}  // namespace

KeyAdmin::KeyAdmin(Loop& loop, SharedKeys& keys, std::uint64_t number, UniqueFd socket) : keys_(keys), number_(number) {
  channel_ = std::make_unique<Channel>(
      loop, std::move(socket),
      [this](Frame frame) {
        took(frame);
        wipe(frame.body);
      },
      [this] { keys_.close_admin(number_); });
}

void KeyAdmin::took(const Frame& frame) {
  const auto act = [&]<class Request>(Request*, auto method) {
    auto request = wire::decode<Request>(frame.body);
    if (!request) return refuse(frame.number, request.error());
    (this->*method)(frame.number, std::move(*request));
  };
  switch (static_cast<KeyAdminKind>(frame.kind)) {
    case KeyAdminKind::psk_add: return act(static_cast<wire::PskAdd*>(nullptr), &KeyAdmin::psk_add);
    case KeyAdminKind::psk_list: return psk_list(frame.number);
    case KeyAdminKind::psk_remove: return act(static_cast<wire::PskRemove*>(nullptr), &KeyAdmin::psk_remove);
    case KeyAdminKind::deposit: return act(static_cast<wire::Deposit*>(nullptr), &KeyAdmin::deposit);
    case KeyAdminKind::withdraw: return act(static_cast<wire::Withdraw*>(nullptr), &KeyAdmin::withdraw);
    case KeyAdminKind::key_status: return status(frame.number);
    case KeyAdminKind::audit: return act(static_cast<wire::Audit*>(nullptr), &KeyAdmin::audit);
    case KeyAdminKind::done:
    case KeyAdminKind::psk_listed:
    case KeyAdminKind::deposited:
    case KeyAdminKind::withdrawn:
    case KeyAdminKind::key_counted:
    case KeyAdminKind::audited:
    case KeyAdminKind::key_failed:
      break;
  }
  refuse(frame.number, {Code::protocol, "shared keys", "", "an unknown request", {}});
}

void KeyAdmin::answer(std::uint64_t number, KeyAdminKind kind, Bytes body) {
  channel_->send(kind, number, body);
  wipe(body);
}

void KeyAdmin::refuse(std::uint64_t number, const Error& error) {
  answer(number, KeyAdminKind::key_failed, wire::encode(wire::failure_of(error)));
}

void KeyAdmin::psk_add(std::uint64_t number, wire::PskAdd request) {
  auto key = std::make_shared<Secret>(ByteView{request.key});
  wipe(request.key);
  if (auto good = check_name(request.name); !good) return refuse(number, good.error());
  if (key->size() < sharedkey::least_key_bytes || key->size() > sharedkey::most_key_bytes) {
    return refuse(number, {Code::invalid, "add the key", "psk=" + request.name, "it has " + std::to_string(key->size()) + " bytes",
                           "a key has 16 to 256 bytes"});
  }
  if (request.token.empty() && !keys_.tokens().empty()) request.token = keys_.tokens().front();
  const auto mode = request.derived ? wire::KeyMode::derived : wire::KeyMode::plain;
  on_thread<Status>(
      request.token, number,
      [name = request.name, key, mode](TokenStore& store) { return store.add_lasting(name, key->bytes(), mode); },
      [this, number, name = request.name, token = request.token](Status done) {
        if (!done) return refuse(number, done.error());
        log::info("psk.added", {{"psk", name}, {"token", token}});
        keys_.lasting_changed();
        answer(number, KeyAdminKind::done, {});
      });
}

void KeyAdmin::psk_list(std::uint64_t number) {
  auto job = std::make_shared<Job>();
  job->number = number;
  job->tokens = keys_.tokens();
  list_from(job);
}

void KeyAdmin::list_from(const JobPtr& job) {
  if (job->at == job->tokens.size()) {
    // A token that can't be asked hides nothing as long as another one can: its keys are shown by their absence.
    if (job->listed.rows.empty() && !job->problem.operation.empty()) return refuse(job->number, job->problem);
    return answer(job->number, KeyAdminKind::psk_listed, wire::encode(job->listed));
  }
  const std::string token = job->tokens[job->at++];
  using Listed = Result<std::vector<TokenStore::Lasting>>;
  on_thread<Listed>(token, job->number, [](TokenStore& store) { return store.lasting(); }, [this, job, token](Listed found) {
    if (!found) {
      log::warning("psk.not_listed", {{"token", token}, {"problem", found.error().text()}});
      job->problem = std::move(found.error());
      return list_from(job);
    }
    for (const TokenStore::Lasting& each : *found) {
      wire::PskRow row{each.name, token, each.bits, each.derived, {}};
      for (const auto& [name, peer] : keys_.peers()) {
        if (peer->source == wire::KeySource::psk && peer->psk == each.name && peer->token == token) row.peers.push_back(name);
      }
      job->listed.rows.push_back(std::move(row));
    }
    list_from(job);
  });
}

void KeyAdmin::psk_remove(std::uint64_t number, wire::PskRemove request) {
  auto job = std::make_shared<Job>();
  job->number = number;
  job->name = request.name;
  job->tokens = keys_.tokens();
  remove_from(job);
}

void KeyAdmin::remove_from(const JobPtr& job) {
  if (job->at == job->tokens.size()) {
    keys_.lasting_changed();
    if (!job->problem.operation.empty()) return refuse(job->number, job->problem);
    if (job->removed > 0) return answer(job->number, KeyAdminKind::done, {});
    return refuse(job->number, {Code::not_found, "remove the key", "psk=" + printable(job->name), "no token has it",
                                "`tlspool psk list` shows which there are"});
  }
  const std::string token = job->tokens[job->at++];
  using Removed = Result<std::size_t>;
  on_thread<Removed>(token, job->number, [name = job->name](TokenStore& store) { return store.remove_lasting(name); },
                     [this, job, token](Removed removed) {
    if (!removed) {
      job->problem = std::move(removed.error());
    } else if (*removed > 0) {
      job->removed += *removed;
      log::info("psk.removed", {{"psk", printable(job->name)}, {"token", token}});
    }
    remove_from(job);
  });
}

}  // namespace tlspool::keeper
