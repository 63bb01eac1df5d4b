// SPDX-License-Identifier: Apache-2.0
// A keeper that is killed at each step of a claim, one after the other. Power fails at the same moment: what was not
// synced is lost, too.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <set>

#include "store_fixture.h"

namespace {

struct Steps {
  bool armed = false;
  int left = 0;       // until death
  off_t synced = 0;   // bytes of the ledger that are on disk
  const char* ledger = "ledger";
};
Steps steps;

bool is_ledger(int fd) {
  struct stat a{};
  struct stat b{};
  return fstat(fd, &a) == 0 && stat(steps.ledger, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

void step() {
  if (!steps.armed || --steps.left > 0) return;
  (void)!truncate(steps.ledger, steps.synced);
  _exit(77);
}

CK_FUNCTION_LIST real;

CK_RV get_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted, CK_ULONG count) {
  step();
  const CK_RV rv = real.C_GetAttributeValue(session, object, wanted, count);
  step();
  return rv;
}

CK_RV destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  step();
  const CK_RV rv = real.C_DestroyObject(session, object);
  step();
  return rv;
}

}  // namespace

// In the place of the C library's, for this program and all its libraries.
extern "C" ssize_t write(int fd, const void* data, size_t size) {
  if (steps.armed && is_ledger(fd)) {
    step();
    if (size > 1) {
      steps.armed = false;
      const long torn = syscall(SYS_write, fd, data, size / 2);
      steps.armed = true;
      step();
      if (torn > 0) return torn;  // The rest is another write.
    }
  }
  return syscall(SYS_write, fd, data, size);
}

extern "C" int fdatasync(int fd) {
  step();
  const int out = static_cast<int>(syscall(SYS_fdatasync, fd));
  if (struct stat info{}; out == 0 && steps.armed && is_ledger(fd) && fstat(fd, &info) == 0) steps.synced = info.st_size;
  step();
  return out;
}

extern "C" int unlink(const char* path) {
  step();
  const int out = static_cast<int>(syscall(SYS_unlink, path));
  step();
  return out;
}

namespace tlspool::keeper {
namespace {

void say(int pipe, const std::vector<Claimed>& claims) {
  for (const Claimed& each : claims) {
    if (each.problem != wire::KeyProblem::none) continue;
    const std::string text = std::to_string(number_of(each.id)) + " ";
    (void)!syscall(SYS_write, pipe, text.data(), text.size());
  }
}

class Kills : public Stores, public ::testing::WithParamInterface<bool> {
 protected:
  [[nodiscard]] wire::TokenSetup setup() const { return GetParam() ? token() : alone(); }
};
INSTANTIATE_TEST_SUITE_P(Settings, Kills, ::testing::Bool(), [](const auto& info) { return info.param ? "Shared" : "Alone"; });

TEST_P(Kills, AtAnyStepOfAClaimNoKeyIsGivenOutTwice) {
  constexpr std::uint64_t all = 160;
  Child filler([&](int) { Site(setup(), directory_).deposit(name_, 2, all); });
  filler.finish();
  std::vector<std::uint64_t> given;
  int deaths = 0;
  for (int at = 1; at < 200; ++at) {
    Child child([&](int pipe) {
      Site site(setup(), directory_);
      (void)site.store->index(name_, TokenStore::Look::if_needed);
      CK_FUNCTION_LIST* calls = (*site.modules.get(softhsm_module))->calls();
      real = *calls;
      calls->C_GetAttributeValue = &get_attributes;
      calls->C_DestroyObject = &destroy;
      struct stat info{};
      steps.synced = stat(steps.ledger, &info) == 0 ? info.st_size : 0;
      steps.left = at;
      steps.armed = true;
      std::vector<Claim> claims(2);
      for (Claim& claim : claims) {
        claim.store = name_;
        claim.direction = sharedkey::Direction::outgoing;
        claim.done = [pipe](Claimed claimed) {
          std::vector<Claimed> one;
          one.push_back(std::move(claimed));
          say(pipe, one);
        };
      }
      make_claims(std::move(claims), site.ledger, site.store.get());
      for (int n = 0; n < 3; ++n) (void)site.store->bury_one();
      steps.armed = false;
    });
    const auto ids = numbers(child.finish());
    given.insert(given.end(), ids.begin(), ids.end());
    if (child.code() == 0) break;
    ASSERT_EQ(child.code(), 77);
    ++deaths;
  }
  // Two halves of a write, a sync, and for each of two keys its value and its destruction, at the least.
  EXPECT_GE(deaths, 16);
  EXPECT_LT(deaths, 199);
  Child rest([&](int pipe) {
    Site site(setup(), directory_);
    say(pipe, site.take(name_, all));
    while (site.store->has_dead()) (void)site.store->bury_one();
  });
  const auto ids = numbers(rest.finish());
  EXPECT_EQ(rest.code(), 0);
  EXPECT_GE(ids.size(), all - 2 * static_cast<std::size_t>(deaths + 1));
  given.insert(given.end(), ids.begin(), ids.end());
  std::sort(given.begin(), given.end());
  EXPECT_EQ(std::adjacent_find(given.begin(), given.end()), given.end()) << "a key was given out twice";
  Site site(setup(), directory_);
  Signer signer;
  ASSERT_TRUE(site.token->use(signer, [&](const Session& session, std::uint64_t) -> Called<void> {
    EXPECT_TRUE(find_keys(session, name_.keys(), std::nullopt)->empty()) << "a dead key is still there";
    return {};
  }));
  site.token->finish(signer);
}

TEST_F(Stores, KilledAtAnyStepOfMakingTheLedgerTheNextKeeperMakesIt) {
  for (int at = 1, code = 77; code == 77; ++at) {
    ASSERT_LT(at, 100);
    std::filesystem::remove("ledger");
    Child child([&](int) {
      steps.left = at;
      steps.armed = true;
      LedgerFile ledger("ledger");
      const bool good = ledger.ready().has_value();
      steps.armed = false;
      _exit(good ? 0 : 1);
    });
    child.finish();
    code = child.code();
    LedgerFile next("ledger");
    const Status ready = next.ready();
    EXPECT_TRUE(ready) << ready.error().text();
    EXPECT_TRUE(next.claim({sharedkey::tombstone_of("s", number_id(1))}));
  }
}

}  // namespace
}  // namespace tlspool::keeper
