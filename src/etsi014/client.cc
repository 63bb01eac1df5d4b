// SPDX-License-Identifier: Apache-2.0
#include "etsi014/client.h"

#include "base/text.h"

namespace tlspool::etsi014 {
namespace {

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::status: return "status";
    case Operation::enc_keys: return "enc_keys";
    case Operation::dec_keys: return "dec_keys";
  }
  return "";
}

/// What a program that asks for keys must be told when the answer was lost: the entity may have forgotten them.
void mark_lost_keys(Error& error, const std::vector<std::string>& ids) {
  const bool lost = error.code == Code::timeout || error.code == Code::closed || error.code == Code::protocol;
  if (!ids.empty()) error.subject += " key " + ids.front() + (ids.size() > 1 ? " and " + std::to_string(ids.size() - 1) + " more" : "");
  if (!lost || error.advice.starts_with("nothing was sent")) return;
  error.advice = (ids.empty() ? "the entity may have given out a key that is lost now: it is never asked for again"
                              : "the entity may have deleted the key: it is lost and never asked for again") +
                 std::string("; see the entity's log");
}

}  // namespace

std::string path_of(Operation operation, std::string_view sae) {
  return "/api/v1/keys/" + percent_encoded(sae) + "/" + name_of(operation);
}

Client::Client(HttpsUrl url, Connect connect) : url_(url), http_(std::move(url), std::move(connect)) {}

Result<Reply> Client::exchange(const Exchange& wanted, Deadline deadline) { return http_.exchange(wanted, deadline); }

std::string Client::subject(std::string_view path) const { return url_.text() + std::string(path); }

Result<Reply> Client::ask(Operation operation, std::string_view sae, std::string body, Deadline deadline) {
  if (!is_sae_id(sae)) {
    return fail({Code::invalid, name_of(operation), printable(sae), "no SAE id", "an SAE id is 1 to 256 visible characters"});
  }
  const Exchange wanted{body.empty() ? "GET" : "POST", path_of(operation, sae), std::move(body)};
  auto reply = http_.exchange(wanted, deadline);
  if (!reply) {
    reply.error().operation = reply.error().operation == wanted.method ? name_of(operation) : reply.error().operation;
    return reply;
  }
  if (reply->status == 200) return reply;
  Error error = refusal(operation, reply->status, reply->text());
  error.operation = name_of(operation);
  error.subject = subject(wanted.path);
  return fail(std::move(error));
}

Result<Status> Client::status(std::string_view slave, Deadline deadline) {
  const auto reply = ask(Operation::status, slave, {}, deadline);
  if (!reply) return fail(reply.error());
  auto status = parse_status(reply->text());
  if (!status) {
    Error error = std::move(status.error());
    return fail({error.code, "status", subject(path_of(Operation::status, slave)), "broken answer: " + error.reason,
                 "the entity does not keep to ETSI GS QKD 014; `tlspool qkd check` shows where"});
  }
  return status;
}

Result<KeyContainer> Client::enc_keys(std::string_view slave, const KeyRequest& request, Deadline deadline) {
  auto reply = ask(Operation::enc_keys, slave, to_text(request), deadline);
  if (!reply) {
    mark_lost_keys(reply.error(), {});
    return fail(std::move(reply.error()));
  }
  auto keys = parse_keys(reply->text(), {request.number, request.size, {}});
  if (!keys) {
    keys.error() = {Code::protocol, "enc_keys", subject(path_of(Operation::enc_keys, slave)),
                    "broken answer: " + keys.error().reason, {}};
    mark_lost_keys(keys.error(), {});
  }
  return keys;
}

Result<KeyContainer> Client::dec_keys(std::string_view master, const std::vector<std::string>& ids, std::uint32_t bits,
                                      Deadline deadline) {
  auto reply = ask(Operation::dec_keys, master, key_ids_text(ids), deadline);
  if (!reply) {
    mark_lost_keys(reply.error(), ids);
    return fail(std::move(reply.error()));
  }
  auto keys = parse_keys(reply->text(), {static_cast<std::uint32_t>(ids.size()), bits, ids});
  if (!keys) {
    keys.error() = {Code::protocol, "dec_keys", subject(path_of(Operation::dec_keys, master)),
                    "broken answer: " + keys.error().reason, {}};
    mark_lost_keys(keys.error(), ids);
  }
  return keys;
}

}  // namespace tlspool::etsi014
