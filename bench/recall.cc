// SPDX-License-Identifier: Apache-2.0
// What a verdict from the judge's memory costs: decoding the question, finding its outcome among COUNT, encoding the verdict. Prints one
// JSON line of microseconds, median and 99th percentile of the time of each question:
//   bench-recall COUNT QUESTIONS
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/log.h"
#include "judge/recollection.h"

namespace {

using namespace tlspool;
using namespace tlspool::judge;

/// As a client's question with a chain of two certificates, of the size that RSA-2048 makes.
wire::ChainQuery question(std::uint32_t number) {
  std::minstd_rand random(number + 1);
  wire::ChainQuery out;
  out.peer_is_server = false;
  out.service = "https";
  out.local = "www.example";
  for (std::size_t size : {1100, 1300}) {
    Bytes& der = out.chain.emplace_back(size);
    for (auto& byte : der) byte = static_cast<std::uint8_t>(random());
  }
  out.caller = {1000, "/usr/sbin/nginx"};
  return out;
}

wire::ChainVerdict verdict(std::uint32_t number) {
  wire::ChainVerdict out;
  out.accepted = true;
  out.identity = "user" + std::to_string(number) + "@clients.example";
  out.names = {out.identity, "spiffe://example/user/" + std::to_string(number)};
  out.how = "chain";
  out.anchor = "CN=clients";
  out.attributes.groups = {"staff", "mail"};
  return out;
}

int measure(std::uint32_t count, std::uint32_t questions) {
  Loop loop;
  Outcomes outcomes(loop);
  wire::CacheSetup setup;
  setup.entries = count;
  setup.policy = Bytes(32, 7);
  if (!outcomes.set(setup, {})) return 1;
  Questions judged(loop);
  Recollection recollection(outcomes, judged);
  for (std::uint32_t i = 0; i < count; ++i) outcomes.judged(outcomes.key_of(question(i)), verdict(i));
  const std::uint32_t remembered = static_cast<std::uint32_t>(outcomes.counters().entries);
  std::vector<double> times;
  std::minstd_rand random;
  for (std::uint32_t i = 0; i < questions; ++i) {
    const std::uint32_t number = count - 1 - random() % remembered;
    const Bytes asked = wire::encode(question(number));
    const auto begun = std::chrono::steady_clock::now();
    std::size_t answered = 0;
    recollection.ask(wire::decode<wire::ChainQuery>(asked).value(), [&](const wire::ChainVerdict& v) { answered = wire::encode(v).size(); });
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
    if (answered == 0) return 1;
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"remembered\": %u, \"median_us\": %.2f, \"p99_us\": %.2f}\n", remembered, times[times.size() / 2], times[times.size() * 99 / 100]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc == 3 ? static_cast<std::uint32_t>(std::atoi(argv[1])) : 0;
  const auto questions = argc == 3 ? static_cast<std::uint32_t>(std::atoi(argv[2])) : 0;
  if (count == 0 || questions == 0) {
    std::fprintf(stderr, "usage: bench-recall COUNT QUESTIONS\n");
    return 2;
  }
  log::start(log::Format::text, log::Level::error, "bench-recall");
  return measure(count, questions);
}
