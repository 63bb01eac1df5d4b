// SPDX-License-Identifier: Apache-2.0
#include "wire/varlink.h"

#include <gtest/gtest.h>

namespace tlspool::wire {
namespace {

std::string answer(std::string_view text) {
  const auto call = parse_call(text);
  EXPECT_TRUE(call) << text;
  const auto out = call ? answer_common(*call, pool_interface(), "1.2.3") : std::nullopt;
  if (!out) return "go on";
  EXPECT_EQ(out->back(), '\0');
  return out->substr(0, out->size() - 1);
}

TEST(Varlink, CallIsTakenApart) {
  const auto call = parse_call(R"({"method":"io.tlspool.Pool.StartTLS","parameters":{"role":"client"},"oneway":true})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->interface, "io.tlspool.Pool");
  EXPECT_EQ(call->method, "StartTLS");
  EXPECT_EQ(call->parameters.text("role"), "client");
  EXPECT_TRUE(call->oneway);
  EXPECT_FALSE(call->more);
}

TEST(Varlink, ParametersMayBeLeftOut) {
  for (const char* text : {R"({"method":"a.b.C"})", R"({"method":"a.b.C","parameters":null})"}) {
    const auto call = parse_call(text);
    ASSERT_TRUE(call);
    EXPECT_NE(call->parameters.members(), nullptr);
  }
}

TEST(Varlink, MalformedCallsAreRefused) {
  for (const char* text :
       {"", "[]", "3", "{}", R"({"method":7})", R"({"method":"NoDot"})", R"({"method":".x"})", R"({"method":"x."})",
        R"({"method":"a.b.C","parameters":[]})", R"({"method":"a.b.C","parameters":7})", R"({"method":"a.b.C","more":1})",
        R"({"method":"a.b.C","oneway":"yes"})", R"({"method":"a.b.C","upgrade":true})",
        R"({"method":"a.b.C","more":true,"oneway":true})", R"({"method":"a.b.C","method":"a.b.D"})"}) {
    const auto call = parse_call(text);
    ASSERT_FALSE(call) << text;
    EXPECT_EQ(call.error().code, Code::protocol);
  }
  EXPECT_FALSE(parse_call(R"({"method":"a.b.C"})" + std::string(max_message, ' ')));
}

TEST(Varlink, TextsEndInNul) {
  using namespace std::string_literals;
  EXPECT_EQ(reply_text(Value::object().set("a", 1)), "{\"parameters\":{\"a\":1}}\0"s);
  EXPECT_EQ(error_text("x.y.Z"), "{\"error\":\"x.y.Z\",\"parameters\":{}}\0"s);
  EXPECT_EQ(call_text("x.y.Z", Value::object()), "{\"method\":\"x.y.Z\",\"parameters\":{}}\0"s);
}

TEST(Varlink, AnswersAreTakenApart) {
  const auto good = parse_answer(R"({"parameters":{"a":1},"continues":true})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->error, "");
  EXPECT_EQ(good->parameters.number("a"), 1);
  EXPECT_TRUE(good->continues);
  const auto bad = parse_answer(R"({"error":"x.y.Z","parameters":{"why":"w"}})");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->error, "x.y.Z");
  EXPECT_TRUE(parse_answer("{}"));
  for (const char* text : {"[]", R"({"error":""})", R"({"error":1})", R"({"parameters":1})", R"({"continues":1})",
                           R"({"parameters":{},"extra":1})"}) {
    EXPECT_FALSE(parse_answer(text)) << text;
  }
}

TEST(Varlink, ServiceDescribesItself) {
  EXPECT_EQ(answer(R"({"method":"org.varlink.service.GetInfo"})"),
            R"({"parameters":{"vendor":"TLS Pool","product":"TLS Pool","version":"1.2.3","url":"https://tlspool.io/",)"
            R"("interfaces":["org.varlink.service","io.tlspool.Pool"]}})");
  for (const Interface* interface : {&pool_interface(), &service_interface()}) {
    const auto described = parse_answer(answer(
        R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":")" + interface->name() + "\"}}"));
    ASSERT_TRUE(described);
    EXPECT_EQ(described->parameters.text("description"), interface->text());
    EXPECT_TRUE(service_interface().check_reply("GetInterfaceDescription", described->parameters));
  }
}

TEST(Varlink, StandardErrors) {
  EXPECT_EQ(answer(R"({"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"x.y"}})"),
            R"({"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"x.y"}})");
  EXPECT_EQ(answer(R"({"method":"org.varlink.service.GetInterfaceDescription"})"),
            R"({"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"interface"}})");
  EXPECT_EQ(answer(R"({"method":"org.varlink.service.Nope"})"),
            R"({"error":"org.varlink.service.MethodNotFound","parameters":{"method":"org.varlink.service.Nope"}})");
  EXPECT_EQ(answer(R"({"method":"io.tlspool.Admin.Status"})"),
            R"({"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"io.tlspool.Admin"}})");
  EXPECT_EQ(answer(R"({"method":"io.tlspool.Pool.Nope"})"),
            R"({"error":"org.varlink.service.MethodNotFound","parameters":{"method":"io.tlspool.Pool.Nope"}})");
  EXPECT_EQ(answer(R"({"method":"io.tlspool.Pool.GetSession","parameters":{"session":1}})"),
            R"({"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"session"}})");
  EXPECT_EQ(answer(R"({"method":"io.tlspool.Pool.GetSession","parameters":{"session":"00"}})"), "go on");
}

}  // namespace
}  // namespace tlspool::wire
