// SPDX-License-Identifier: Apache-2.0
#include "trust/tlsa.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tlspool::trust {
namespace {

using PublicKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Error unusable(std::string reason) {
  return {Code::invalid, "read TLSA record", "", std::move(reason), "publish it again; tlspool dane record prints good ones"};
}

Status check_whole(TlsaSelector selector, ByteView data) {
  const unsigned char* at = data.data();
  const auto size = static_cast<long>(data.size());
  bool good = false;
  switch (selector) {
    case TlsaSelector::certificate:
      good = tls::Certificate{d2i_X509(nullptr, &at, size)} && at == data.data() + size;
      break;
    case TlsaSelector::public_key:
      good = PublicKey{d2i_PUBKEY(nullptr, &at, size)} && at == data.data() + size;
      break;
  }
  ERR_clear_error();
  if (good) return {};
  return fail(unusable(selector == TlsaSelector::certificate ? "its data are no certificate in DER"
                                                             : "its data are no public key in DER"));
}

Status check_data(const Tlsa& record) {
  const std::size_t size = record.data.size();
  switch (record.matching) {
    case TlsaMatching::exact:
      return check_whole(record.selector, record.data);
    case TlsaMatching::sha256:
      return size == 32 ? Status{} : fail(unusable(fmt::format("a SHA-256 digest has 32 bytes, not {}", size)));
    case TlsaMatching::sha512:
      return size == 64 ? Status{} : fail(unusable(fmt::format("a SHA-512 digest has 64 bytes, not {}", size)));
  }
  return {};
}

Bytes selected(const X509* certificate, TlsaSelector selector) {
  switch (selector) {
    case TlsaSelector::certificate:
      return tls::der_of(certificate);
    case TlsaSelector::public_key:
      break;
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Bytes digest(ByteView bytes, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, algorithm, nullptr) != 1) return {};
  return {out.begin(), out.begin() + size};
}

Bytes association(const X509* certificate, TlsaSelector selector, TlsaMatching matching) {
  Bytes whole = selected(certificate, selector);
  if (whole.empty()) return {};
  switch (matching) {
    case TlsaMatching::exact:
      return whole;
    case TlsaMatching::sha256:
      return digest(whole, EVP_sha256());
    case TlsaMatching::sha512:
      return digest(whole, EVP_sha512());
  }
  return {};
}

// As host names have it, and the underscore of names that are no host's.
bool is_dns_name(const std::string& name) {
  constexpr std::size_t longest_label = 63;
  const auto labels = split(name, '.');
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    return !label.empty() && label.size() <= longest_label && std::all_of(label.begin(), label.end(), [](char c) {
      return is_letter(c) || is_digit(c) || c == '-' || c == '_';
    });
  });
}

Result<std::string> zone_name(const std::string& name) {
  auto host = normal_host(name);
  if (host && !is_ip_address(*host) && is_dns_name(*host)) return host;
  return fail({Code::invalid, "TLSA owner name", printable(name), "this is no host name", "DANE is about names in the DNS: give one"});
}

const char* word(TlsaTransport transport) {
  switch (transport) {
    case TlsaTransport::tcp:
      return "tcp";
    case TlsaTransport::udp:
      return "udp";
    case TlsaTransport::sctp:
      return "sctp";
  }
  return "";
}

}  // namespace

Result<Tlsa> parse_tlsa(ByteView rdata) {
  if (rdata.size() < 4) return fail(unusable(fmt::format("it has {} bytes: three numbers and the data are missing", rdata.size())));
  if (rdata[0] > 3) return fail(unusable(fmt::format("certificate usage {} is unknown", rdata[0])));
  if (rdata[1] > 1) return fail(unusable(fmt::format("selector {} is unknown", rdata[1])));
  if (rdata[2] > 2) return fail(unusable(fmt::format("matching type {} is unknown", rdata[2])));
  Tlsa out{static_cast<TlsaUsage>(rdata[0]), static_cast<TlsaSelector>(rdata[1]), static_cast<TlsaMatching>(rdata[2]),
           copy_of(rdata.subspan(3))};
  if (auto good = check_data(out); !good) return fail(std::move(good.error()));
  return out;
}

Bytes rdata_of(const Tlsa& record) {
  Bytes out;
  out.reserve(3 + record.data.size());
  out.push_back(static_cast<std::uint8_t>(record.usage));
  out.push_back(static_cast<std::uint8_t>(record.selector));
  out.push_back(static_cast<std::uint8_t>(record.matching));
  out.insert(out.end(), record.data.begin(), record.data.end());
  return out;
}

Result<Tlsa> make_tlsa(const X509* certificate, TlsaUsage usage, TlsaSelector selector, TlsaMatching matching) {
  Tlsa out{usage, selector, matching, association(certificate, selector, matching)};
  if (out.data.empty()) return fail(tls::openssl_error(Code::certificate, "make TLSA record", tls::subject_of(certificate)));
  return out;
}

bool is_about(const Tlsa& record, const X509* certificate) {
  const Bytes data = association(certificate, record.selector, record.matching);
  return !data.empty() && data == record.data;
}

Result<std::string> tlsa_owner(const std::string& name, std::uint16_t port, TlsaTransport transport) {
  auto host = zone_name(name);
  if (!host) return host;
  return fmt::format("_{}._{}.{}.", port, word(transport), *host);
}

Result<std::string> client_tlsa_owner(const std::string& name, const std::string& service) {
  auto host = zone_name(name);
  if (!host) return host;
  if (service.empty()) return *host + ".";
  if (!is_dns_name(service) || service.find('.') != std::string::npos) {
    return fail({Code::invalid, "TLSA owner name", printable(service), "this is no name of a service", "give one label such as smtp-client"});
  }
  return fmt::format("{}{}.{}.", service.front() == '_' ? "" : "_", lower(service), *host);
}

std::string tlsa_text(const Tlsa& record) {
  return fmt::format("{} {} {} {}", static_cast<int>(record.usage), static_cast<int>(record.selector),
                     static_cast<int>(record.matching), hex(record.data));
}

std::string zone_line(const std::string& owner, const Tlsa& record) { return owner + " IN TLSA " + tlsa_text(record); }

}  // namespace tlspool::trust
