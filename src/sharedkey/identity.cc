// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/identity.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::sharedkey {
namespace {

/// What RFC 7512 lets stand in a value beside those (pk11-path-res-avail and "&").
bool allowed(char c) { return is_unreserved(c) || std::string_view(":[]@!$'()*+,=&").find(c) != std::string_view::npos; }

bool starts_with_any_case(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() && lower(text.substr(0, scheme.size())) == scheme;
}

/// What the configuration takes as an address, and what fits into a line of `tlspool qkd import`.
bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

enum class Encoding { due, free };  ///< free: RFC 7512 wants every byte of an id encoded

class Parser {
 public:
  Parser(std::string_view text, std::size_t longest) : text_(text), longest_(longest) {}

  Result<PskIdentity> run() {
    if (text_.size() > longest_)
      return refuse("has " + std::to_string(text_.size()) + " bytes, at most " + std::to_string(longest_) + " are taken");
    const bool rfc7512 = starts_with_any_case(text_, "pkcs11:");
    if (!rfc7512 && !starts_with_any_case(text_, "pkcs:")) return refuse("begins neither with pkcs: nor with pkcs11:");
    std::string_view rest = text_.substr(rfc7512 ? 7 : 5);
    out_.raw_id = rfc7512;
    for (bool more = true; more;) {
      const std::size_t end = rest.find_first_of(";?");
      more = end != std::string_view::npos;
      if (auto ok = attribute(rest.substr(0, end)); !ok) return tl::unexpected(ok.error());
      if (!more) break;
      const bool query = rest[end] == '?';
      rest.remove_prefix(end + 1);
      // cqptoolkit writes "?" between object and id, and nowhere else.
      if (query && (rfc7512 || out_.object.empty() || !out_.id.empty() || out_.derived || !rest.starts_with("id=")))
        return refuse("\"?\" is in the wrong place");
    }
    if (out_.object.empty()) return refuse("has no object");
    if (out_.id.empty()) return refuse("has no id");
    return std::move(out_);
  }

 private:
  Status attribute(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return refuse("has an attribute without a value");
    const std::string_view name = text.substr(0, equals), value = text.substr(equals + 1);
    if (name != "object" && name != "id" && name != "derived") return refuse("has an attribute other than object, id and derived");
    if (value.empty()) return refuse("has an empty " + std::string(name));
    if (name == "object") {
      if (!out_.object.empty()) return refuse("has object twice");
      if (auto ok = decode(value, Encoding::due, out_.object); !ok) return ok;
      if (!is_word(out_.object)) return refuse("its object is not printable ASCII");
    } else if (name == "id") {
      if (!out_.id.empty()) return refuse("has id twice");
      if (auto ok = decode(value, out_.raw_id ? Encoding::free : Encoding::due, out_.id); !ok) return ok;
      if (!out_.raw_id && !is_word(out_.id)) return refuse("its id is not printable ASCII");
    } else {
      if (out_.derived) return refuse("has derived twice");
      if (value != "hmac-sha256") return refuse("its key is derived in a way that is not known");
      out_.derived = true;
    }
    return {};
  }

  Status decode(std::string_view value, Encoding encoding, std::string& out) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] != '%') {
        if (!allowed(value[i])) return refuse("has a byte that must be percent-encoded");
        out += value[i];
        continue;
      }
      const auto byte = value.size() - i > 2 ? unhex(value.substr(i + 1, 2)) : std::nullopt;
      if (!byte || byte->size() != 1) return refuse("has a % without two hexadecimal digits");
      const char c = static_cast<char>(byte->front());
      // One spelling of each name, so that nothing passes by a filter in disguise.
      if (encoding == Encoding::due && is_unreserved(c)) return refuse("percent-encodes what needs none");
      out += c;
      i += 2;
    }
    return {};
  }

  tl::unexpected<Error> refuse(std::string reason) const {
    return fail({Code::invalid, "parse PSK identity", '"' + printable(text_) + '"', std::move(reason),
                 "the form is pkcs:object=ADDRESS;id=NUMBER"});
  }

  std::string_view text_;
  std::size_t longest_;
  PskIdentity out_;
};

std::string encoded(std::string_view text) {
  return percent_encoded(text, [](char c) { return is_unreserved(c) || c == ':' || c == '[' || c == ']' || c == '@'; });
}

}  // namespace

bool looks_like_identity(ByteView bytes) {
  const std::string_view text = text_of(bytes);
  return starts_with_any_case(text, "pkcs:") || starts_with_any_case(text, "pkcs11:");
}

Result<PskIdentity> parse_identity(ByteView bytes, std::size_t longest) { return Parser(text_of(bytes), longest).run(); }

std::string write_identity(wire::IdentityForm form, wire::IdForm id_form, std::string_view object, ByteView id, bool derived) {
  std::string out;
  switch (form) {
    case wire::IdentityForm::pkcs: out = "pkcs:object=" + encoded(object) + ";id=" + encoded(id_text(id_form, id)); break;
    case wire::IdentityForm::cqptoolkit: out = "pkcs:object=" + encoded(object) + "?id=" + encoded(id_text(id_form, id)); break;
    case wire::IdentityForm::pkcs11:
      out = "pkcs11:object=" + encoded(object) + ";id=";
      for (const std::uint8_t byte : id) out += '%' + hex({&byte, 1});
      break;
    case wire::IdentityForm::text: return std::string(object);
  }
  if (derived) out += ";derived=hmac-sha256";
  return out;
}

}  // namespace tlspool::sharedkey
