// SPDX-License-Identifier: Apache-2.0
// What a verdict costs the judge, from the question's bytes to the answer's: with two policies and two rules and with COUNT of each, by turns in
// one process, so that both meet the same machine. Prints one JSON line of microseconds of CPU, medians of batches:
//   bench-verdict ANCHOR.pem CHAIN.pem IDENTITY COUNT SECONDS
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "judge/questions.h"
#include "measure.h"

namespace {

using namespace tlspool;
using bench::cpu_now;
using bench::median;

constexpr int batch = 50;

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "bench-verdict: %s\n", why.c_str());
  std::exit(1);
}

std::string contents(const char* path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  if (out.str().empty()) stop(std::string(path) + " can't be read");
  return out.str();
}

std::vector<Bytes> chain_of(const std::string& pem) {
  std::vector<Bytes> out;
  const tls::BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  while (const tls::Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) out.push_back(tls::der_of(certificate.get()));
  return out;
}

/// Two policies and a rule that apply to the peer, and others' up to `count`.
judge::Law law_of(const std::string& anchor, const std::string& identity, int count) {
  std::vector<wire::PolicySetup> setups;
  const auto add = [&](std::string remote, std::string service, std::string trust) {
    wire::PolicySetup setup;
    setup.remote.text = std::move(remote);
    setup.service.text = std::move(service);
    setup.trust.text = std::move(trust);
    setup.file = "bench";
    setup.line = static_cast<std::uint32_t>(setups.size() + 1);
    setups.push_back(std::move(setup));
  };
  add(identity, "", "(chain and name) or pin");
  add("", "bench", "forward-secrecy and key-strength(112)");
  for (int i = 2; i < count; ++i) add("host" + std::to_string(i) + ".other.example", "", "chain and name");
  auto policies = trust::Policies::make(setups);
  if (!policies) stop(policies.error().text());
  std::vector<wire::RuleSetup> rules;
  for (int i = 0; i < count; ++i) {
    wire::RuleSetup rule;
    rule.file = "bench";
    rule.line = static_cast<std::uint32_t>(i + 1);
    const bool last = i + 1 == count;
    const std::string other = std::to_string(i);
    if (i % 2 == 0 || last) {
      rule.remote.push_back({last ? identity : "host" + other + ".other.example", rule.line, 0});
    } else {
      rule.san.push_back({"spiffe://other.example/ns/" + other + "/*", rule.line, 0});
    }
    rule.attributes.groups = {"group"};
    rules.push_back(std::move(rule));
  }
  auto ruleset = authz::Ruleset::make(rules, {});
  if (!ruleset) stop(ruleset.error().text());
  trust::Anchors anchors;
  if (auto added = anchors.add_pem(anchor, "anchor"); !added) stop(added.error().text());
  judge::Law law;
  law.anchors = std::make_shared<const trust::Anchors>(std::move(anchors));
  law.policies = std::make_shared<const trust::Policies>(std::move(*policies));
  law.sources = std::make_shared<judge::Sources>();
  law.revoked = std::make_shared<const judge::RevokedStore>("/nowhere");  // nobody is revoked
  law.rules = std::make_shared<const authz::Ruleset>(std::move(*ruleset));
  return law;
}

/// Microseconds for one of a batch.
double judge_batch(judge::Questions& questions, const Bytes& question) {
  const double start = cpu_now();
  for (int i = 0; i < batch; ++i) {
    auto query = wire::decode<wire::ChainQuery>(question);
    if (!query) stop("the question can't be read");
    bool accepted = false;
    (void)questions.ask(std::move(*query), [&](const wire::ChainVerdict& verdict) {
      accepted = verdict.accepted && !wire::encode(verdict).empty();
      if (!accepted) stop("refused: " + verdict.reason);
    });
    if (!accepted) stop("the verdict did not come at once");
  }
  return (cpu_now() - start) / batch;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) stop("usage: bench-verdict ANCHOR.pem CHAIN.pem IDENTITY COUNT SECONDS");
  const std::string anchor = contents(argv[1]);
  wire::ChainQuery query;
  query.chain = chain_of(contents(argv[2]));
  query.expected = argv[3];
  query.service = "bench";
  query.connection.forward_secrecy = true;
  const Bytes question = wire::encode(query);
  Loop loop;
  judge::Questions few{loop};
  judge::Questions many{loop};
  few.set(law_of(anchor, query.expected, 2));
  many.set(law_of(anchor, query.expected, std::atoi(argv[4])));
  std::vector<double> with_few;
  std::vector<double> with_many;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<long>(std::atof(argv[5]) * 1000));
  while (std::chrono::steady_clock::now() < end || with_few.size() < 3) {
    with_few.push_back(judge_batch(few, question));
    with_many.push_back(judge_batch(many, question));
  }
  std::printf("{\"verdict_us\": %.1f, \"verdict_many_us\": %.1f}\n", median(with_few), median(with_many));
  return 0;
}
