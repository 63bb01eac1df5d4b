// SPDX-License-Identifier: Apache-2.0
#include "qkd/entity_server.h"

#include <fmt/format.h>

#include "base/text.h"
#include "qkd/sae_names.h"
#include "qkd/secured.h"

namespace tlspool::qkd {
namespace {

constexpr std::chrono::milliseconds handshake_time{10'000};

using CertificateList = std::unique_ptr<tlspool_certificates, Freed<tlspool_certificates_free>>;

/// The client's own certificate; empty where it proved who it is by other means.
Bytes certificate_of(const Secured& client) {
  tlspool_certificates* list = nullptr;
  if (tlspool_peer_certificates(client.session.get(), &list, nullptr) < 1) return {};
  const CertificateList owned(list);
  std::size_t size = 0;
  const unsigned char* der = tlspool_certificate_der(list, 0, &size);
  return der == nullptr ? Bytes{} : Bytes(der, der + size);
}

}  // namespace

EntityServer::EntityServer(config::Paths paths, const cli::QkdEntity& setup, cli::SaeFrom sae_from, Site site,
                           Entities& entities, Log log)
    : paths_(std::move(paths)), setup_(setup), sae_from_(sae_from), site_(site), entities_(entities), log_(std::move(log)) {}

void EntityServer::serve(UniqueFd socket, const std::string& peer, Connections::Client& client) {
  const Protection how{setup_.as, {}, "etsi014", handshake_time};
  const auto secured = secure(paths_, std::move(socket), TLSPOOL_SERVER, how, peer);
  if (!secured) return log_(setup_.kme + ": " + secured.error().text());
  const Bytes certificate = certificate_of(*secured);
  const std::vector<std::string> names = certificate.empty() ? std::vector<std::string>{} : sae_names(certificate, sae_from_);
  HttpCalls calls;
  calls.answer = [&](Ask ask) {
    ask.names = names;
    return answer(std::move(ask), peer);
  };
  calls.idle = [&] { client.idle(); };
  calls.busy = [&] { client.busy(); };
  serve_http(secured->plain.get(), {}, calls);
}

Said EntityServer::answer(Ask ask, const std::string& peer) {
  Said said = entities_.answer(site_, ask);
  log_(fmt::format("{}: {} {}: {} {} -> {} ({})", setup_.kme, peer, said.sae.empty() ? "-" : said.sae, printable(ask.method, 16),
                   printable(ask.target, 200), said.status, said.note));
  return said;
}

}  // namespace tlspool::qkd
