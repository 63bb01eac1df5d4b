// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"
#include "config/paths.h"

namespace tlspool::config {
namespace {

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/tlspool-config-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name) << text;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
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
  const auto config = load({d.path(), d.path() + "/keeper", d.path() + "/run"});
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->identities.size(), 2u);
  EXPECT_EQ(config->identities[0].name, "a.example");
  EXPECT_EQ(config->identities[1].credentials[0].chain, d.path() + "/identities/x.pem");
}

TEST(Config, LoadWithoutAPoolSaysHowToMakeOne) {
  const Directory d;
  const auto config = load({d.path(), d.path() + "/keeper", d.path() + "/run"});
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
