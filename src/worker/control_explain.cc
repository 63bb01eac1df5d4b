// SPDX-License-Identifier: Apache-2.0
// Certificates that are judged without a connection, for people who want to know what their policies do.
#include "base/text.h"
#include "worker/control.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

constexpr std::size_t most_certificates = 64;  // the judge looks at fewer, and says so

/// Error: Code::invalid, subject = the parameter at fault.
Result<wire::ChainQuery> parse_explain(const wire::Value& parameters) {
  const auto wrong = [](const char* parameter) { return fail({Code::invalid, "ExplainCertificates", parameter, "", {}}); };
  wire::ChainQuery query;
  query.explain = true;
  query.fresh = true;
  query.connection.known = false;
  query.peer_is_server = parameters.text("role") == "client";
  for (const auto& [parameter, out] : {std::pair("localIdentity", &query.local), std::pair("remoteIdentity", &query.expected)}) {
    if (parameters.find(parameter) == nullptr) continue;
    auto name = normal_identity(parameters.text(parameter));
    if (!name) return wrong(parameter);
    *out = std::move(*name);
  }
  query.service = parameters.text("service");
  const std::int64_t port = parameters.number("port", 0);
  if (port < 0 || port > 65535) return wrong("port");
  query.connection.port = static_cast<std::uint16_t>(port);
  const auto& certificates = *parameters.find("certificates")->elements();
  if (certificates.empty() || certificates.size() > most_certificates) return wrong("certificates");
  for (const wire::Value& text : certificates) {
    auto der = unbase64(*text.string());
    if (!der) return wrong("certificates");
    query.chain.push_back(std::move(*der));
  }
  return query;
}

}  // namespace

void Control::explain_certificates(const wire::Call& call, std::vector<UniqueFd>&) {
  auto query = parse_explain(call.parameters);
  if (!query) return answer(invalid_parameter(query.error().subject));
  connection_->pause();
  learn_executable([this, query = std::move(*query)]() mutable {
    const auto role = query.peer_is_server ? wire::role_client : wire::role_server;
    if (!worker_.policy().allows(caller(), query.local, role)) {
      refuse_identity(query.local, query.peer_is_server ? "client" : "server");
      return call_ended();
    }
    query.caller = {credentials_.uid, executable_};
    ask_judge(query);
  });
}

void Control::ask_judge(const wire::ChainQuery& query) {
  const auto on_verdict = [this](const wire::ChainVerdict& verdict) {
    judge_query_ = 0;
    answer(wire::reply_text(wire::Value::object()
                                .set("accepted", verdict.accepted)
                                .set("identity", wire::or_null(verdict.identity))
                                .set("verifiedBy", wire::or_null(verdict.how))
                                .set("message", wire::or_null(verdict.reason))
                                .set("explanation", verdict.explanation)));
    call_ended();
  };
  judge_query_ = worker_.services().judge.ask(query, on_verdict);
  if (judge_query_ == 0) on_verdict({.check = "judge", .reason = "the judge can't be reached; try again in a moment"});
}

}  // namespace tlspool::worker
