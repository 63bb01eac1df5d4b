// SPDX-License-Identifier: Apache-2.0
#include "trust/dns_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr std::uint16_t type_soa = 6;
constexpr std::size_t max_name = 255;

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::size_t at = 0;  // of its RDATA
  std::size_t size = 0;
};

// Reads forward; once something was missing everything else is, too.
class Reader {
 public:
  explicit Reader(ByteView packet, std::size_t at = 0) : packet_(packet), at_(at) {}
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  std::uint8_t byte() {
    if (at_ >= packet_.size()) good_ = false;
    return good_ ? packet_[at_++] : 0;
  }
  std::uint16_t number() {
    const unsigned high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }
  std::uint32_t large() {
    const std::uint32_t high = number();
    return high << 16 | number();
  }
  void skip(std::size_t count) {
    good_ = good_ && count <= packet_.size() - at_;
    if (good_) at_ += count;
  }
  std::string name();

 private:
  ByteView packet_;
  std::size_t at_;
  bool good_ = true;
};

void append_label(std::string& out, ByteView label) {
  if (!out.empty()) out += '.';
  for (const std::uint8_t c : label) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c + ('a' - 'A'));
    } else if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("\\{:03}", c);  // no two names have one text
    }
  }
}

// A pointer must lead backwards, so that a name comes to an end.
std::string Reader::name() {
  std::string out;
  std::size_t length = 1;
  std::optional<std::size_t> after;
  std::size_t lowest = at_;
  while (good_) {
    const std::uint8_t size = byte();
    if (!good_ || size == 0) break;
    if ((size & 0xc0) == 0xc0) {
      const std::size_t target = static_cast<std::size_t>(size & 0x3f) << 8 | byte();
      if (!after) after = at_;
      good_ = good_ && target < lowest;
      lowest = target;
      at_ = target;
      continue;
    }
    length += size + 1U;
    if (size > 63 || length > max_name || size > packet_.size() - at_) {
      good_ = false;
      break;
    }
    append_label(out, packet_.subspan(at_, size));
    at_ += size;
  }
  if (after) at_ = *after;
  return good_ ? out : std::string();
}

Record read_record(Reader& reader) {
  Record r;
  r.owner = reader.name();
  r.type = reader.number();
  if (reader.number() != dns_class_in) r.type = 0;
  r.ttl = reader.large();
  r.size = reader.number();
  r.at = reader.at();
  reader.skip(r.size);
  return r;
}

std::optional<DnsTarget> read_target(ByteView packet, const Record& record, DnsType type) {
  Reader reader(packet, record.at);
  DnsTarget out;
  if (type == DnsType::mx || type == DnsType::srv) out.priority = reader.number();
  if (type == DnsType::srv) {
    out.weight = reader.number();
    out.port = reader.number();
  }
  out.name = reader.name();
  if (!reader.good() || reader.at() != record.at + record.size) return std::nullopt;
  return out;
}

Error malformed(const char* why) { return {Code::protocol, "read DNS answer", "", why, ""}; }

bool is(const Record& record, DnsType type) { return record.type == static_cast<std::uint16_t>(type); }

// Follows CNAME records from `out.name`.
Status follow(ByteView packet, const std::vector<Record>& records, DnsMessage& out) {
  while (true) {
    const auto alias = std::find_if(records.begin(), records.end(),
                                    [&](const Record& r) { return is(r, DnsType::cname) && r.owner == out.name; });
    if (alias == records.end()) return {};
    auto target = read_target(packet, *alias, DnsType::cname);
    if (!target) return fail(malformed("a CNAME record is malformed"));
    if (out.aliases.size() == max_aliases) return fail(malformed("too many CNAME records follow each other"));
    out.aliases.push_back(std::move(out.name));
    out.name = std::move(target->name);
    out.ttl = std::min(out.ttl, alias->ttl);
  }
}

Status take(ByteView packet, const Record& record, DnsType type, DnsMessage& out) {
  out.ttl = std::min(out.ttl, record.ttl);
  const std::size_t fixed = type == DnsType::a ? 4 : type == DnsType::aaaa ? 16 : 0;
  if (fixed != 0 && record.size != fixed) return fail(malformed("an address record has the wrong length"));
  if (type == DnsType::cname || type == DnsType::mx || type == DnsType::srv) {
    auto target = read_target(packet, record, type);
    if (!target) return fail(malformed("an MX, SRV or CNAME record is malformed"));
    out.targets.push_back(*std::move(target));
  } else {
    out.records.push_back(copy_of(packet.subspan(record.at, record.size)));
  }
  return {};
}

// RFC 2308: how long there is nothing.
std::uint32_t negative_ttl(ByteView packet, const std::vector<Record>& authority) {
  for (const Record& r : authority) {
    if (r.type != type_soa || r.size < 4) continue;
    Reader reader(packet, r.at + r.size - 4);
    return std::min(r.ttl, reader.large());
  }
  return 0;
}

}  // namespace

Result<DnsMessage> read_dns_message(ByteView packet, const std::string& name, DnsType type) {
  Reader reader(packet);
  reader.skip(2);
  DnsMessage out;
  out.rcode = static_cast<std::uint8_t>(reader.number() & 0x0f);
  const unsigned questions = reader.number();
  const unsigned answers = reader.number();
  const unsigned authorities = reader.number();
  reader.skip(2);
  for (unsigned i = 0; i < questions && reader.good(); ++i) {
    (void)reader.name();
    reader.skip(4);
  }
  std::vector<Record> records;
  for (unsigned i = 0; i < answers && reader.good(); ++i) records.push_back(read_record(reader));
  std::vector<Record> authority;
  for (unsigned i = 0; i < authorities && reader.good(); ++i) authority.push_back(read_record(reader));
  if (!reader.good()) return fail(malformed("it ends in the middle, or a name in it has no end"));

  constexpr std::uint32_t for_ever = ~std::uint32_t{0};
  out.ttl = for_ever;
  out.name = lower(name);
  if (!out.name.empty() && out.name.back() == '.') out.name.pop_back();
  if (type != DnsType::cname) {
    if (auto done = follow(packet, records, out); !done) return fail(std::move(done.error()));
  }
  for (const Record& r : records) {
    if (!is(r, type) || r.owner != out.name) continue;
    if (auto done = take(packet, r, type, out); !done) return fail(std::move(done.error()));
  }
  if (out.records.empty() && out.targets.empty()) out.ttl = std::min(out.ttl, negative_ttl(packet, authority));
  return out;
}

}  // namespace tlspool::trust
