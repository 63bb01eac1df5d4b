// SPDX-License-Identifier: Apache-2.0
#include "wire/session_row.h"

#include <gtest/gtest.h>

#include "wire/codec.h"

namespace tlspool::wire {
namespace {

TEST(SessionRow, IsTheSameAfterBothDirections) {
  const SessionRow row{"0123456789abcdef", 3,   "client",      "a.example", "b.example", "tls13", "TLS_AES_128_GCM_SHA256",
                       "smtp",             1000, 4'194'304, 1'800'000'000, 1ULL << 40, 7};
  EXPECT_EQ(encode(session_row_of(value_of(row))), encode(row));
}

TEST(SessionRow, HasNullForANameThatThereIsNot) {
  const SessionRow row{"0123456789abcdef", 0, "server", "", "", "tls12", "ECDHE-RSA-AES128-GCM-SHA256", "", 0, 1, 1'800'000'000, 0, 0};
  const Value value = value_of(row);
  for (const char* name : {"localIdentity", "remoteIdentity", "service"}) EXPECT_EQ(value.find(name), nullptr) << name;
  EXPECT_EQ(encode(session_row_of(value)), encode(row));
}

}  // namespace
}  // namespace tlspool::wire
