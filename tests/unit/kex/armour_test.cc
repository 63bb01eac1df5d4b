// SPDX-License-Identifier: Apache-2.0
#include "kex/armour.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/text.h"

namespace tlspool::kex {
namespace {

Bytes some_message(std::size_t size = 400) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 37 + (i >> 3));
  return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}

std::string each_line(const std::string& text, const std::function<std::string(const std::string&)>& change) {
  std::string out;
  for (const std::string& line : split(text, '\n')) out += change(line) + "\n";
  return out;
}

void expect_found(const std::string& text, Step step = Step::client_hello, const Bytes& message = some_message()) {
  const auto found = find_messages(text);
  ASSERT_TRUE(found) << found.error().text() << "\n" << text;
  EXPECT_EQ(found->front().step, step);
  EXPECT_EQ(found->front().message, message);
}

std::string problem_of(const std::string& text) {
  const auto found = find_messages(text);
  return found ? "found" : found.error().text();
}

TEST(Armour, LooksAsInTheDocument) {
  const std::string text = armour(Step::server_finish, some_message(60));
  const auto lines = split(text, '\n');
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0], "-----BEGIN TLS SERVER FINISH-----");
  EXPECT_EQ(lines[1].size(), 76U);
  EXPECT_EQ(lines[2].size(), 4U);
  EXPECT_EQ(lines[3], "-----END TLS SERVER FINISH-----");
  EXPECT_EQ(lines[4], "");
}

TEST(Armour, EveryStepAndSizeComesBack) {
  for (const Step step : {Step::client_hello, Step::server_hello, Step::client_finish, Step::server_finish}) {
    for (std::size_t size = 1; size < 200; ++size) expect_found(armour(step, some_message(size)), step, some_message(size));
  }
}

TEST(Armour, ProseAroundItIsNoMatter) {
  expect_found("Hi Bob,\n\nhere it is - from BEGIN to END:\n" + armour(Step::client_hello, some_message()) + "\nCheers, Alice -- BEGIN well!\n");
}

TEST(Armour, QuotedOnceAndTwice) {
  const std::string text = armour(Step::client_hello, some_message());
  expect_found(each_line(text, [](const std::string& l) { return "> " + l; }));
  expect_found(each_line(text, [](const std::string& l) { return "> > | " + l; }));
  expect_found(each_line(text, [](const std::string& l) { return "&gt;&nbsp;" + l; }));
  expect_found(each_line(text, [](const std::string& l) { return "\t    " + l + "   "; }));
}

TEST(Armour, EndsOfLinesOfEverySort) {
  const std::string text = armour(Step::client_hello, some_message());
  for (const std::string end : {"\r\n", "\r", "\n\n", "\r\r\n", " ", "<br>", "\xe2\x80\xa8"}) expect_found(replaced(text, "\n", end));
}

TEST(Armour, WrappedAgain) {
  const std::string letters = replaced(armour(Step::client_hello, some_message()), "\n", " ");
  for (std::size_t width = 1; width < 200; ++width) {
    std::string wrapped;
    for (std::size_t at = 0; at < letters.size(); at += width) wrapped += letters.substr(at, width) + "\n> ";
    expect_found(wrapped);
  }
}

TEST(Armour, QuotedLinesWrappedByTheQuotingProgram) {
  // "> " and a rest that moved to a line of its own.
  const std::string text = each_line(armour(Step::client_hello, some_message()), [](const std::string& l) {
    return l.size() > 70 ? "> " + l.substr(0, 70) + "\n" + l.substr(70) : "> " + l;
  });
  expect_found(text);
}

TEST(Armour, HyphensThatBecameDashes) {
  const std::string text = armour(Step::client_hello, some_message());
  expect_found(replaced(text, "-----", "\xe2\x80\x94\xe2\x80\x94-"));
  expect_found(replaced(text, "--", "\xe2\x80\x93"));
  expect_found(replaced(text, "-", "\xe2\x80\x91"));
  expect_found(replaced(text, "-----", "-"));
}

TEST(Armour, InvisibleCharacters) {
  const std::string text = armour(Step::client_hello, some_message());
  expect_found("\xef\xbb\xbf" + replaced(text, "A", "\xe2\x80\x8b" "A"));
  expect_found(replaced(text, " ", "\xc2\xa0"));
  expect_found(replaced(text, "B", "B\xc2\xad"));
}

TEST(Armour, QuotedPrintable) {
  const Bytes message = some_message(400);  // its base64 ends in ==
  std::string text = armour(Step::client_hello, message);
  ASSERT_NE(text.find("=="), std::string::npos);
  text = replaced(text, "=", "=3D");
  text = each_line(text, [](const std::string& l) { return l.size() == 76 ? l.substr(0, 75) + "=\n" + l.substr(75) : l; });
  expect_found(text);
}

TEST(Armour, LostPadding) { expect_found(replaced(armour(Step::client_hello, some_message()), "=", "")); }

TEST(Armour, LowerCaseFrame) { expect_found(replaced(armour(Step::client_hello, some_message()), "TLS CLIENT HELLO", "tls Client Hello")); }

TEST(Armour, OfSeveralTheLatestInTheExchange) {
  const std::string answer = armour(Step::server_hello, some_message(50));
  const std::string quoted = each_line(armour(Step::client_hello, some_message(90)), [](const std::string& l) { return "> " + l; });
  expect_found(answer + "\nOn Monday Alice wrote:\n" + quoted, Step::server_hello, some_message(50));
  expect_found(quoted + answer, Step::server_hello, some_message(50));
}

TEST(Armour, AllOfThemTheLatestFirstAndThoseOfOneStepInTheirOrder) {
  const auto found = find_messages(armour(Step::client_hello, some_message(1)) + armour(Step::client_finish, some_message(2)) +
                                   armour(Step::client_hello, some_message(3)) + "-----BEGIN TLS SERVER FINISH-----\n");
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].message, some_message(2));
  EXPECT_EQ((*found)[1].message, some_message(1));
  EXPECT_EQ((*found)[2].message, some_message(3));
}

TEST(Armour, ItsEndIsSeenInEveryForm) {
  const std::string text = armour(Step::client_hello, some_message());
  EXPECT_FALSE(has_end(text.substr(0, text.find("-----END"))));
  EXPECT_FALSE(has_end(text.substr(0, text.size() - 6)));
  EXPECT_TRUE(has_end(text.substr(0, text.size() - 1)));
  EXPECT_TRUE(has_end(replaced(replaced(text, "--", "\xe2\x80\x93"), " ", "\n> ")));
}

TEST(Armour, ADamagedQuotationDoesNoHarm) {
  const std::string text = armour(Step::server_hello, some_message(50)) + "> -----BEGIN TLS CLIENT HELLO-----\n> AAAA\n[...]\n";
  expect_found(text, Step::server_hello, some_message(50));
}

TEST(Armour, AMessageWithoutABodyIsNone) {
  for (const std::string body : {"", "=", "= =\n", "> "}) {
    EXPECT_NE(problem_of("-----BEGIN TLS CLIENT HELLO-----\n" + body + "\n-----END TLS CLIENT HELLO-----\n").find("missing"), std::string::npos);
  }
}

TEST(Armour, ProblemsAreNamed) {
  const std::string text = armour(Step::client_hello, some_message());
  EXPECT_NE(problem_of("").find("there is no message in the text"), std::string::npos);
  EXPECT_NE(problem_of("BEGIN TLS CLIENT HELLO").find("there is no message"), std::string::npos);
  EXPECT_NE(problem_of(text.substr(0, text.find("-----END"))).find("its END is not"), std::string::npos);
  EXPECT_NE(problem_of(text.substr(10)).find("its BEGIN is not"), std::string::npos);
  EXPECT_NE(problem_of(replaced(text, "END TLS CLIENT HELLO", "END TLS SERVER HELLO")).find("mixed up"), std::string::npos);
  EXPECT_NE(problem_of(armour(Step::client_hello, {})).find("missing"), std::string::npos);
  EXPECT_NE(problem_of("-----BEGIN TLS CLIENT HELLO-----\nAA*A\n-----END TLS CLIENT HELLO-----\n").find("character *"), std::string::npos);
  EXPECT_NE(problem_of("-----BEGIN TLS CLIENT HELLO-----\nAAAAA\n-----END TLS CLIENT HELLO-----\n").find("missing"), std::string::npos);
}

TEST(Armour, TheLongestTextAndOneByteMore) {
  std::string text = armour(Step::client_hello, some_message());
  text.insert(0, longest_text - text.size(), ' ');
  expect_found(text);
  EXPECT_NE(problem_of(text + " ").find("longer than"), std::string::npos);
}

}  // namespace
}  // namespace tlspool::kex
