// SPDX-License-Identifier: Apache-2.0
// Each file of tests/vectors/config says in its first line what becomes of it: `# expect: ok`, or the line
// of the mistake and how its message starts. Files called dropin-* are read as a second file of identities,
// those called dropin-peer-* as one of peers, dropin-policy-* as one of policies, dropin-rule-* as one of rules, dropin-disclosure-*
// as one of disclosures.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/config.h"

namespace tlspool::config {
namespace {

constexpr const char* base = R"(
[[token]]
name = "default"
module = "/m.so"
uri = "pkcs11:token=x"
[[identity]]
name = "web.example"
[[identity.credential]]
key = "pkcs11:object=web"
chain = "web.pem"
[keystore]
address = "hsm.web.example"
[[kme]]
name = "kme-a"
url = "https://kme-a.example:8443"
identity = "web.example"
)";

std::string contents(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

Result<Config> read(const std::string& name, const std::string& text) {
  std::vector<Source> sources;
  if (name.starts_with("dropin-")) sources.push_back({"tlspool.toml", base});
  sources.push_back({name, text, name.starts_with("dropin-peer-")     ? Source::Holds::peers
                                 : name.starts_with("dropin-policy-") ? Source::Holds::policies
                                 : name.starts_with("dropin-rule-")   ? Source::Holds::rules
                                 : name.starts_with("dropin-disclosure-") ? Source::Holds::disclosures
                                                                          : Source::Holds::identities});
  auto config = parse(sources, "/pool", "/pool/keeper");
  if (!config) return config;
  if (auto done = resolve(*config); !done) return fail(done.error());
  return config;
}

class ConfigVectors : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ConfigVectors, EndAsTheirFirstLineSays) {
  const std::string text = contents(GetParam());
  const std::string first = text.substr(0, text.find('\n'));
  ASSERT_TRUE(first.starts_with("# expect: ")) << "a vector names its outcome";
  const std::string expected = first.substr(10);
  const std::string name = GetParam().filename().string();
  const auto config = read(name, text);
  if (expected == "ok") {
    EXPECT_TRUE(config) << (config ? "" : config.error().text());
    return;
  }
  ASSERT_FALSE(config);
  const Error& e = config.error();
  EXPECT_EQ(e.code, Code::config);
  const auto space = expected.find(' ');
  EXPECT_EQ(e.subject, name + ":" + expected.substr(0, space)) << e.text();
  const std::string message = e.reason + (e.advice.empty() ? "" : "; " + e.advice);
  EXPECT_TRUE(message.starts_with(expected.substr(space + 1))) << message;
}

std::vector<std::filesystem::path> vectors() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(TLSPOOL_VECTORS "/config")) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, ConfigVectors, testing::ValuesIn(vectors()), [](const auto& info) {
  std::string name = info.param.stem().string();
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

}  // namespace
}  // namespace tlspool::config
