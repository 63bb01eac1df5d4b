// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_admin.h"

#include "shared_fixture.h"

namespace tlspool::keeper {
namespace {

using wire::KeyAdminKind;
using wire::KeyProblem;

TEST_F(SharedKeysTest, LastingKeysAreAddedListedAndRemoved) {
  start({lasting()});
  add_psk("office", Bytes(24, 1));
  add_psk("hidden", Bytes(32, 2), true);
  EXPECT_NE(refused(KeyAdminKind::psk_add, wire::encode(wire::PskAdd{"office", {}, Bytes(32, 1), false})).find("already"), std::string::npos);
  EXPECT_NE(refused(KeyAdminKind::psk_add, wire::encode(wire::PskAdd{"short", {}, Bytes(15, 1), false})).find("16 to 256"), std::string::npos);
  EXPECT_NE(refused(KeyAdminKind::psk_add, wire::encode(wire::PskAdd{"long", {}, Bytes(257, 1), false})).find("16 to 256"), std::string::npos);
  EXPECT_NE(refused(KeyAdminKind::psk_add, wire::encode(wire::PskAdd{"a b", {}, Bytes(32, 1), false})).find("printable"), std::string::npos);
  EXPECT_NE(refused(KeyAdminKind::psk_add, wire::encode(wire::PskAdd{"x", "nowhere", Bytes(32, 1), false})).find("token=nowhere"), std::string::npos);
  auto listed = admin<wire::PskListed>(KeyAdminKind::psk_list, {}, KeyAdminKind::psk_listed);
  ASSERT_EQ(listed.rows.size(), 2U);
  std::sort(listed.rows.begin(), listed.rows.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  EXPECT_EQ(listed.rows[0].name, "hidden");
  EXPECT_TRUE(listed.rows[0].derived);
  EXPECT_EQ(listed.rows[1].bits, 192U);
  EXPECT_EQ(listed.rows[1].peers, std::vector<std::string>{"b.example"});
  End& w = worker();
  EXPECT_EQ(take(w).problem, KeyProblem::none);
  admin<Nothing>(KeyAdminKind::psk_remove, wire::encode(wire::PskRemove{"office"}), KeyAdminKind::done);
  EXPECT_EQ(take(w).problem, KeyProblem::unknown);
  EXPECT_NE(refused(KeyAdminKind::psk_remove, wire::encode(wire::PskRemove{"office"})).find("no token has it"), std::string::npos);
  add_psk("office", Bytes(24, 9));
  EXPECT_EQ(take(w).secret, Bytes(24, 9));
}

TEST_F(SharedKeysTest, ADepositSaysForEachKeyWhyItIsRefused) {
  start({peer()});
  deposit(10, 1);
  EXPECT_EQ(take(worker()).key_id, "10");
  wire::Deposit request{"b.example", {{"10", Bytes(32, 1)}, {"12", Bytes(32, 1)}, {"12", Bytes(32, 2)}, {"14", Bytes(8, 1)},
                                      {"14", Bytes(300, 1)}, {"not a number", Bytes(32, 1)}}};
  const auto out = admin<wire::Deposited>(KeyAdminKind::deposit, wire::encode(request), KeyAdminKind::deposited);
  EXPECT_EQ(out.stored, std::vector<std::string>{"12"});
  ASSERT_EQ(out.refused.size(), 5U);
  EXPECT_NE(out.refused[0].reason.find("used before"), std::string::npos);
  EXPECT_NE(out.refused[1].reason.find("there already"), std::string::npos);
  EXPECT_NE(out.refused[2].reason.find("8 bytes"), std::string::npos);
  EXPECT_NE(out.refused[3].reason.find("300 bytes"), std::string::npos);
  EXPECT_NE(refused(KeyAdminKind::deposit, wire::encode(wire::Deposit{"x", {}})).find("peer=x"), std::string::npos);
}

TEST_F(SharedKeysTest, KeysAreTakenOutOnlyWhereTheyMayBeAndOnce) {
  start({peer()});
  deposit(10, 6);
  EXPECT_NE(refused(KeyAdminKind::withdraw, wire::encode(wire::Withdraw{"b.example", 1, {}})).find("deliver = true"), std::string::npos);
  wire::PeerSetup open = peer();
  open.deliver = true;
  start({open});
  End& w = worker();
  ASSERT_EQ(lease(w, number_id(11)).problem, KeyProblem::none);
  auto out = admin<wire::Withdrawn>(KeyAdminKind::withdraw, wire::encode(wire::Withdraw{"b.example", 2, {}}), KeyAdminKind::withdrawn);
  ASSERT_EQ(out.keys.size(), 2U);
  EXPECT_EQ(out.keys[0].id, "10");
  EXPECT_EQ(out.keys[1].id, "12") << "11 is in use";
  EXPECT_EQ(out.keys[1].key, Bytes(32, 12));
  out = admin<wire::Withdrawn>(KeyAdminKind::withdraw, wire::encode(wire::Withdraw{"b.example", 0, {"15", "10", "11", "99"}}), KeyAdminKind::withdrawn);
  ASSERT_EQ(out.keys.size(), 1U);
  EXPECT_EQ(out.keys[0].id, "15");
  EXPECT_EQ(lease(w, number_id(15)).problem, KeyProblem::used);
  EXPECT_EQ(lease(w, number_id(99)).problem, KeyProblem::unknown) << "what was not there was not burned";
}

TEST_F(SharedKeysTest, AnAuditComparesKeysWithoutShowingThem) {
  start({peer()});
  deposit(10, 34);
  const auto first = admin<wire::Audited>(KeyAdminKind::audit, wire::encode(wire::Audit{"b.example", Bytes(16, 1)}), KeyAdminKind::audited);
  const auto again = admin<wire::Audited>(KeyAdminKind::audit, wire::encode(wire::Audit{"b.example", Bytes(16, 1)}), KeyAdminKind::audited);
  const auto other = admin<wire::Audited>(KeyAdminKind::audit, wire::encode(wire::Audit{"b.example", Bytes(16, 2)}), KeyAdminKind::audited);
  ASSERT_EQ(first.rows.size(), 34U);
  EXPECT_EQ(first.rows[0].id, "10");
  EXPECT_TRUE(first.rows[0].as_client);
  EXPECT_FALSE(first.rows[1].as_client);
  EXPECT_EQ(first.rows[0].check.size(), 8U);
  EXPECT_EQ(first.rows[5].check, again.rows[5].check);
  EXPECT_NE(first.rows[5].check, other.rows[5].check);
  EXPECT_NE(refused(KeyAdminKind::audit, wire::encode(wire::Audit{"b.example", Bytes(4, 1)})).find("nonce"), std::string::npos);
}

TEST_F(SharedKeysTest, StatusCountsBothDirections) {
  start({peer(), lasting("office.example")});
  deposit(10, 5);
  take(worker());
  const wire::KeyCount row = count();
  EXPECT_EQ(row.as_client, 2U);
  EXPECT_EQ(row.as_server, 2U);
  EXPECT_EQ(row.used, 1U);
  EXPECT_TRUE(row.problem.empty()) << row.problem;
  EXPECT_NE(count("office.example").problem.find("tlspool psk add office"), std::string::npos);
}

TEST_F(SharedKeysTest, GarbageFromAnAdministratorIsAnswered) {
  start({peer()});
  EXPECT_FALSE(refused(KeyAdminKind::deposit, copy_of(view("garbage"))).empty());
  EXPECT_FALSE(refused(static_cast<KeyAdminKind>(999), {}).empty());
}

}  // namespace
}  // namespace tlspool::keeper
