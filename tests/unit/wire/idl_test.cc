// SPDX-License-Identifier: Apache-2.0
#include "wire/idl.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"

namespace tlspool::wire {
namespace {

Value json(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Value{};
}

/// Empty: fits; else the path of the first wrong parameter.
std::string wrong(const Interface& interface, std::string_view method, std::string_view parameters) {
  const auto status = interface.check_call(method, json(parameters));
  return status ? "" : status.error().subject;
}

TEST(Idl, BadVectorsAreRefusedWithTheirLine) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TLSPOOL_VECTORS "/idl/bad")) {
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto parsed = Interface::parse(text);
    ASSERT_FALSE(parsed) << entry.path();
    const std::string file = entry.path().filename();
    const auto at = file.find(".line") + 5;
    EXPECT_EQ(parsed.error().code, Code::protocol);
    EXPECT_EQ(parsed.error().subject, "line " + file.substr(at, file.find('.', at) - at))
        << file << ": " << parsed.error().text();
    ++seen;
  }
  EXPECT_GE(seen, 30);
}

TEST(Idl, OwnInterfacesParse) {
  EXPECT_EQ(pool_interface().name(), "io.tlspool.Pool");
  EXPECT_EQ(admin_interface().name(), "io.tlspool.Admin");
  EXPECT_EQ(service_interface().name(), "org.varlink.service");
  EXPECT_EQ(pool_interface().methods().front(), "StartTLS");
  EXPECT_EQ(pool_interface().errors().front(), "HandshakeFailed");
  EXPECT_TRUE(pool_interface().has_method("GetSession"));
  EXPECT_FALSE(pool_interface().has_method("getSession"));
  EXPECT_TRUE(pool_interface().text().ends_with(")\n"));
}

TEST(Idl, EveryTruncationIsRefusedOrWhole) {
  const std::string& text = pool_interface().text();
  std::size_t comments = 0;
  for (const std::string& line : split(text, '\n')) comments += line.empty() || line.front() == '#' ? line.size() + 1 : 1;
  std::size_t whole = 0;
  for (std::size_t size = 0; size < text.size(); ++size) whole += Interface::parse(text.substr(0, size)).has_value();
  EXPECT_LE(whole, comments);  // only between two members, within comments there
}

TEST(Idl, StartTlsParameters) {
  const Interface& pool = pool_interface();
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"client"})"), "");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"client","alpn":["h2"],"localIdentity":null})"), "");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"role":"client"})"), "fileDescriptor");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":"0","role":"client"})"), "fileDescriptor");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0.5,"role":"client"})"), "fileDescriptor");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":null,"role":"client"})"), "fileDescriptor");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"both"})"), "role");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"peer","remoteRole":"client"})"), "");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"peer","remoteRole":"both"})"), "remoteRole");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"client","alpn":["h2",7]})"), "alpn[1]");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"client","alpn":{}})"), "alpn");
  EXPECT_EQ(wrong(pool, "StartTLS", R"({"fileDescriptor":0,"role":"client","rolle":1})"), "rolle");
  EXPECT_EQ(pool.check_call("Nothing", Value::object()).error().code, Code::not_found);
}

TEST(Idl, PathsOfNestedParts) {
  const auto parsed = Interface::parse(R"(interface a.b
type Deep (list: [](x: ?int, y: [string]bool), tree: ?Deep, free: ?object, real: ?float)
method M(d: Deep) -> (d: ?Deep)
error E (why: (one, two)))");
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(wrong(*parsed, "M", R"({"d":{"list":[{"y":{}},{"x":1,"y":{"k":true}}],"free":{"a":[1]},"real":1}})"), "");
  EXPECT_EQ(wrong(*parsed, "M", R"({"d":{"list":[{"y":{}},{"x":1,"y":{"k":0}}]}})"), "d.list[1].y.k");
  EXPECT_EQ(wrong(*parsed, "M", R"({"d":{"list":[],"tree":{"list":[],"tree":{}}}})"), "d.tree.tree.list");
  EXPECT_EQ(wrong(*parsed, "M", R"({"d":{"list":[],"free":3}})"), "d.free");
  EXPECT_EQ(wrong(*parsed, "M", R"({"d":[]})"), "d");
  EXPECT_EQ(wrong(*parsed, "M", "[]"), "");  // not even an object: no parameter to name
  EXPECT_FALSE(parsed->check_call("M", json("[]")));
  EXPECT_TRUE(parsed->check_reply("M", json("{}")));
}

TEST(Idl, MovedInterfaceStillChecks) {
  auto parsed = Interface::parse("interface a.b\ntype T (a: int)\nmethod M(t: T) -> ()\n");
  ASSERT_TRUE(parsed);
  const Interface moved = std::move(*parsed);
  EXPECT_EQ(wrong(moved, "M", R"({"t":{"a":"x"}})"), "t.a");
}

}  // namespace
}  // namespace tlspool::wire
