// SPDX-License-Identifier: Apache-2.0
// Asks the pool's resolver, all questions side by side, and prints a line of JSON for each answer:
// ask_dns ANCHOR-FILE ROOT-ANCHOR-FILE MILLISECONDS [forward=ADDRESS | stub=ZONE,ADDRESS | NAME/TYPE]...
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "base/text.h"
#include "trust/resolver.h"

namespace {

using namespace tlspool;

const std::map<std::string, trust::DnsType> types = {
    {"A", trust::DnsType::a},   {"CNAME", trust::DnsType::cname}, {"MX", trust::DnsType::mx}, {"AAAA", trust::DnsType::aaaa},
    {"SRV", trust::DnsType::srv}, {"TLSA", trust::DnsType::tlsa}};
constexpr const char* outcomes[] = {"answer", "no data", "no name", "bogus", "timeout", "failed"};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

template <class List, class Text>
std::string list(const List& items, Text text) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + quoted(text(item));
  return "[" + out + "]";
}

void print(const std::string& question, const trust::DnsAnswer& a) {
  std::cout << "{\"question\": " << quoted(question) << ", \"outcome\": \"" << outcomes[static_cast<int>(a.outcome)]
            << "\", \"secure\": " << (a.secure ? "true" : "false") << ", \"name\": " << quoted(a.message.name)
            << ", \"aliases\": " << list(a.message.aliases, [](const std::string& s) { return s; })
            << ", \"records\": " << list(a.message.records, [](const Bytes& b) { return hex(b); }) << ", \"targets\": "
            << list(a.message.targets,
                    [](const trust::DnsTarget& t) {
                      return std::to_string(t.priority) + " " + std::to_string(t.weight) + " " + std::to_string(t.port) + " " + t.name;
                    })
            << ", \"ttl\": " << a.message.ttl << ", \"reason\": " << quoted(a.reason) << "}" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  trust::ResolverSettings settings;
  settings.anchor_file = argv[1];
  settings.deadline = std::chrono::milliseconds{std::stol(argv[3])};
  std::ifstream anchor(argv[2]);
  settings.root_anchor.assign(std::istreambuf_iterator<char>(anchor), {});
  std::vector<std::string> questions;
  for (int i = 4; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("forward=", 0) == 0) {
      settings.forwarders.push_back(word.substr(8));
    } else if (const auto comma = word.find(','); word.rfind("stub=", 0) == 0 && comma != std::string::npos) {
      settings.stubs.push_back({word.substr(5, comma - 5), word.substr(comma + 1)});
    } else {
      questions.push_back(word);
    }
  }
  Loop loop;
  auto resolver = trust::Resolver::create(loop, settings);
  if (!resolver) {
    std::cerr << resolver.error().text() << "\n";
    return 1;
  }
  std::size_t open = questions.size();
  for (const std::string& question : questions) {
    const auto slash = question.rfind('/');
    const auto type = slash == std::string::npos ? types.end() : types.find(question.substr(slash + 1));
    if (type == types.end()) return 2;
    (*resolver)->ask(question.substr(0, slash), type->second,
                     [&, question](const trust::DnsAnswer& answer) {
                       print(question, answer);
                       if (--open == 0) loop.stop();
                     });
  }
  if (open != 0) loop.run();
  return 0;
}
