// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../temporary_directory.h"
#include "config/load.h"
#include "config/paths.h"

namespace tlspool::config {
namespace {

struct Directory : test::TemporaryDirectory {
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path() + "/" + name).parent_path());
    std::ofstream(path() + "/" + name) << text;
  }
};

constexpr const char* token = "[[token]]\nname = \"default\"\nmodule = \"/m.so\"\nuri = \"pkcs11:\"\npin_file = \"pin\"\n";

std::string identity(const std::string& name) {
  return "[[identity]]\nname = \"" + name + "\"\n[[identity.credential]]\nkey = \"pkcs11:object=x\"\nchain = \"x.pem\"\n";
}

TEST(Config, EmptyTextGivesTheDefaults) {
  const auto config = parse({{"tlspool.toml", ""}}, "/pool", "/pool/keeper");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->workers, 0u);
  EXPECT_TRUE(config->tls12);
  EXPECT_TRUE(config->trust.system);
  EXPECT_EQ(config->limits.handshake_deadline_ms, 30000u);
  EXPECT_EQ(config->users.keeper, "tlspool-keeper");
  EXPECT_TRUE(config->allow.empty());
}

TEST(Config, DnsHasTheDefaultsOfTheManual) {
  const auto plain = parse({{"tlspool.toml", ""}}, "/pool", "/pool/keeper");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->dns, wire::DnsSetup{});
  EXPECT_EQ(plain->dns.root_anchor, "/usr/share/dns/root.key");
  EXPECT_EQ(plain->dns.deadline_ms, 5000u);
  const auto set = parse({{"tlspool.toml", "[dns]\nforwarders = [\"::1@53\"]\nstubs = [\"Corp.Example 192.0.2.2\"]\nroot_anchor = \"a\"\n"}}, "/pool", "/pool/keeper");
  ASSERT_TRUE(set) << set.error().text();
  EXPECT_EQ(set->dns, (wire::DnsSetup{{"::1@53"}, {{"corp.example", "192.0.2.2"}}, "/pool/a", 5000}));
}

wire::PeerSetup peer_of(const std::string& lines) {
  const std::string identities = identity("sae.example") + "[keystore]\naddress = \"hsm.a\"\n[[kme]]\nname = \"k\"\nurl = \"https://K.example\"\n"
                                 "identity = \"SAE.example\"\n";
  const auto config = parse({{"tlspool.toml", token + identities}, {"peers/b.toml", "[[peer]]\nname = \"B.example\"\n" + lines, Source::Holds::peers}},
                            "/pool", "/pool/keeper");
  EXPECT_TRUE(config) << config.error().text();
  return config ? config->peers.at(0) : wire::PeerSetup{};
}

TEST(Config, PeerHasTheDefaultsOfTheManual) {
  const auto peer = peer_of("");
  EXPECT_EQ(peer.name, "b.example");
  EXPECT_EQ(peer.store, "b.example");
  EXPECT_EQ(peer.address, "hsm.a");
  EXPECT_EQ(peer.token, "default");
  EXPECT_EQ(peer.roles, wire::role_client | wire::role_server);
  EXPECT_TRUE(peer.tls13);
  EXPECT_FALSE(peer.only_if_asked);
  EXPECT_EQ(peer.hash, wire::KeyHash::sha384);
  EXPECT_EQ(peer.exchange, wire::KeyExchange::ecdhe);
  EXPECT_EQ(peer.id_form, wire::IdForm::number);
  EXPECT_EQ(peer.exhausted, wire::Exhausted::fail);
  EXPECT_EQ(peer.wait_ms, 10000u);
  EXPECT_EQ(peer.low_water, 16u);
}

TEST(Config, DefaultsOfAPeerFollowFromItsOtherKeys) {
  EXPECT_EQ(peer_of("version = \"1.2\"\n").exchange, wire::KeyExchange::dhe);
  EXPECT_EQ(peer_of("version = \"1.2\"\nexchange = \"ecdhe\"\n").hash, wire::KeyHash::sha256);
  const auto kme = peer_of("source = \"kme\"\nkme = \"k\"\nsae = \"s\"\n");
  EXPECT_EQ(kme.id_form, wire::IdForm::uuid);
  EXPECT_EQ(kme.token, "");
  const auto hsm = peer_of("profile = \"yubihsm\"\n");
  EXPECT_EQ(hsm.id_form, wire::IdForm::brief);
  EXPECT_EQ(hsm.object, wire::KeyObject::data);
  const auto psk = peer_of("source = \"psk\"\n");
  EXPECT_EQ(psk.psk, "b.example");
  EXPECT_EQ(psk.id_form, wire::IdForm::text);
  const auto session = peer_of("use = \"session\"\nuser = \"alice\"\nsuite = \"ECDHE-RSA-AES256-GCM-SHA384\"\n");
  EXPECT_EQ(session.source, wire::KeySource::psk);
  EXPECT_FALSE(session.tls13);
  EXPECT_EQ(session.hash, wire::KeyHash::sha384) << "the PRF is the suite's";
  EXPECT_EQ(peer_of("use = \"session\"\nuser = \"alice\"\n").hash, wire::KeyHash::sha256);
}

TEST(Config, UrlOfAKeyManagementEntityIsCutIntoItsParts) {
  const auto config = parse({{"t", std::string(token) + identity("sae.example") +
                              "[[kme]]\nname = \"k\"\nurl = \"https://[2001:DB8::1]:8443/site/\"\nidentity = \"sae.example\"\ntimeout = 3\n"}},
                            "/pool", "/pool/keeper");
  ASSERT_TRUE(config) << config.error().text();
  const auto& kme = config->kmes.at(0);
  EXPECT_EQ(kme.host, "2001:db8::1");
  EXPECT_EQ(kme.port, 8443);
  EXPECT_EQ(kme.path, "/site");
  EXPECT_EQ(kme.expect, "2001:db8::1");
  EXPECT_EQ(kme.timeout_ms, 3000u);
}

TEST(Config, RelativePathsStartWhereTheContractSays) {
  const std::vector<Source> sources{
      {"/pool/tlspool.toml", std::string(token) + "[trust]\nanchors = [\"ca/ca.pem\", \"/etc/x.pem\"]\n"},
      {"/pool/identities/a.toml", identity("a.example")}};
  const auto config = parse(sources, "/pool", "/var/keeper");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->tokens.at(0).pin_file, "/var/keeper/pin");
  EXPECT_EQ(config->trust.anchors, (std::vector<std::string>{"/pool/ca/ca.pem", "/etc/x.pem"}));
  EXPECT_EQ(config->identities.at(0).credentials.at(0).chain, "/pool/identities/x.pem");
  EXPECT_EQ(config->identities.at(0).credentials.at(0).token, "default");
  EXPECT_EQ(config->identities.at(0).credentials.at(0).line, 3);
}

TEST(Config, NamesAreNormalised) {
  const auto config = parse({{"t", std::string(token) + identity("Bücher.Example.")}}, "/p", "/k");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->identities.at(0).name, "xn--bcher-kva.example");
}

TEST(Config, UserNamesBecomeNumbersOnlyWhenResolved) {
  auto config = parse({{"t", "[[allow]]\nuid = [33, \"root\"]\ngid = [\"root\"]\n"}}, "/p", "/k");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->allow.at(0).uids, (std::vector<std::uint32_t>{33}));
  ASSERT_TRUE(resolve(*config));
  EXPECT_EQ(config->allow.at(0).uids, (std::vector<std::uint32_t>{33, 0}));
  EXPECT_EQ(config->allow.at(0).gids, (std::vector<std::uint32_t>{0}));
}

TEST(Config, LoadReadsIdentitiesInTheOrderOfTheirNames) {
  const Directory d;
  d.write("tlspool.toml", token);
  d.write("identities/b.toml", identity("b.example"));
  d.write("identities/a.toml", identity("a.example"));
  d.write("identities/a.pem", "not read here");
  const auto config = load({d.path(), d.path() + "/keeper", d.path() + "/run", d.path() + "/judge"});
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->identities.size(), 2u);
  EXPECT_EQ(config->identities[0].name, "a.example");
  EXPECT_EQ(config->identities[1].credentials[0].chain, d.path() + "/identities/x.pem");
}

TEST(Config, LoadTakesPeersFromFilesOfTheirOwn) {
  const Directory d;
  d.write("tlspool.toml", std::string(token) + "[keystore]\naddress = \"hsm.a\"\n");
  d.write("peers/20-c.toml", "[[peer]]\nname = \"c.example\"\n");
  d.write("peers/10-b.toml", "[[peer]]\nname = \"b.example\"\n");
  d.write("peers/.b.toml.swp", "x");
  const config::Paths paths{d.path(), d.path() + "/keeper", d.path() + "/run", d.path() + "/judge"};
  const auto config = load(paths);
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->peers.size(), 2u);
  EXPECT_EQ(config->peers[0].name, "b.example");
  d.write("peers/30-again.toml", "[[peer]]\nname = \"b.example\"\n");
  const auto again = load(paths);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().subject, paths.peers() + "/30-again.toml:2");
}

TEST(Config, LoadTakesDisclosuresFromFilesOfTheirOwn) {
  const Directory d;
  const Paths paths{d.path(), d.path() + "/keeper", d.path() + "/run", d.path() + "/judge"};
  d.write("disclosures/20-b.toml", "[[disclosure]]\nuid = [\"root\", 7]\nshow = \"yes\"\n");
  d.write("disclosures/10-a.toml", "\n[[disclosure]]\nremote = \".b\"\nshow = \"ask\"\n");
  d.write("tlspool.toml", "[[disclosure]]\nrole = [\"server\"]\nshow = \"no\"\n");
  auto config = load(paths);
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->disclosures.size(), 3u);
  EXPECT_EQ(config->disclosures[0].standings, wire::as_server);
  EXPECT_EQ(config->disclosures[1].file, paths.disclosures() + "/10-a.toml");
  EXPECT_EQ(config->disclosures[1].remote.text, ".b");
  EXPECT_EQ(config->disclosures[1].remote.line, 3u);
  EXPECT_EQ(config->disclosures[1].show, wire::Show::ask);
  EXPECT_EQ(config->disclosures[1].standings, wire::as_client | wire::as_peer);
  EXPECT_EQ(config->disclosures[2].uids, (std::vector<std::uint32_t>{7, 0}));
}

TEST(Config, LoadTakesPoliciesFromFilesOfTheirOwn) {
  const Directory d;
  d.write("tlspool.toml", "[[policy]]\ntrust = \"chain\"\n");
  d.write("policies/20-c.toml", "[[policy]]\nremote = \".c\"\ntrust = \"pin\"\n");
  d.write("policies/10-b.toml", "\n[[policy]]\nlocal = \"a\"\nremote = \".b\"\nservice = \"smtp\"\ntrust = \"dane\"\n");
  const config::Paths paths{d.path(), d.path() + "/keeper", d.path() + "/run", d.path() + "/judge"};
  const auto config = load(paths);
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->policies.size(), 3u);
  const wire::PolicySetup& policy = config->policies[1];
  EXPECT_EQ(policy.file, paths.policies() + "/10-b.toml");
  EXPECT_EQ(policy.line, 2u);
  EXPECT_EQ(policy.local.text, "a");
  EXPECT_EQ(policy.remote.text, ".b");
  EXPECT_EQ(policy.service.text, "smtp");
  EXPECT_EQ(policy.trust.text, "dane");
  EXPECT_EQ(policy.trust.line, 6u);
  EXPECT_EQ(policy.trust.column, 10u);
  EXPECT_EQ(config->policies[2].remote.text, ".c");
}

TEST(Config, LoadWithoutAPoolSaysHowToMakeOne) {
  const Directory d;
  const auto config = load({d.path(), d.path() + "/keeper", d.path() + "/run", d.path() + "/judge"});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::not_found);
  EXPECT_NE(config.error().advice.find("init"), std::string::npos);
}

TEST(Paths, TheOptionNamesADirectory) {
  const auto paths = find_pool("/some/where/");
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->directory, "/some/where");
  EXPECT_EQ(paths->keeper, "/some/where/keeper");
  EXPECT_EQ(paths->admin_socket(), "/some/where/run/admin.sock");
}

TEST(Paths, RelativeDirectoriesBecomeAbsolute) {
  const auto paths = find_pool("./demo");
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->directory, std::filesystem::current_path().string() + "/demo");
}

TEST(Paths, TheSystemsDirectoryIsSpread) {
  const auto paths = find_pool("/etc/tlspool/");
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->keeper, "/var/lib/tlspool/keeper");
  EXPECT_EQ(paths->run, "/run/tlspool");
}

TEST(Paths, TheEnvironmentIsAskedAfterTheOption) {
  setenv("TLSPOOL_DIR", "/from/environment", 1);
  EXPECT_EQ(find_pool("")->directory, "/from/environment");
  EXPECT_EQ(find_pool("/from/option")->directory, "/from/option");
  unsetenv("TLSPOOL_DIR");
}

}  // namespace
}  // namespace tlspool::config
