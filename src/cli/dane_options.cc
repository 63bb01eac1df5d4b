// SPDX-License-Identifier: Apache-2.0
#include "cli/dane_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "cli/dane_commands.h"

namespace tlspool::cli {
namespace {

const std::map<std::string, StartTls> protocols{{"none", StartTls::none}, {"smtp", StartTls::smtp}, {"imap", StartTls::imap}, {"pop3", StartTls::pop3}};
const std::map<std::string, trust::TlsaTransport> transports{
    {"tcp", trust::TlsaTransport::tcp}, {"udp", trust::TlsaTransport::udp}, {"sctp", trust::TlsaTransport::sctp}};

// Options live as long as the callbacks that hold them.
struct DaneOptions {
  DaneRecordOptions record;
  DaneCheckOptions check;
  double timeout = 10;
};

void add_place(CLI::App* c, DanePlace& place) {
  c->add_option("NAME", place.name, "The peer's name")->required();
  auto* port = c->add_option("PORT", place.port, "The server's port")->check(CLI::Range(1, 65535));
  auto* client = c->add_flag_callback("--client", [&place] { place.peer = DanePlace::Peer::client; },
                                      "It is a TLS client: its records are at its name, whatever port it calls");
  port->excludes(client);
}

}  // namespace

void add_dane(CLI::App& app, const std::string& pool, std::function<Status()>& todo) {
  auto o = std::make_shared<DaneOptions>();
  auto* group = app.add_subcommand("dane", "TLSA records in the DNS, which say what certificates a name has");
  group->require_subcommand(1);

  auto* c = group->add_subcommand("record", "Print the TLSA records to publish");
  add_place(c, o->record.place);
  c->add_option("--certificate", o->record.certificate, "PEM file with the chain (default: those of the pool's identity NAME)")->type_name("FILE");
  c->add_option_function<int>("--usage", [o](int n) { o->record.usage = static_cast<trust::TlsaUsage>(n); },
                              "Certificate usage, 0 to 3 (default: 3, and 2 where the chain has an authority)")
      ->type_name("N")->check(CLI::Range(0, 3));
  c->add_option_function<int>("--selector", [o](int n) { o->record.selector = static_cast<trust::TlsaSelector>(n); },
                              "0: the certificate; 1: its public key (default)")
      ->type_name("N")->check(CLI::Range(0, 1));
  c->add_option_function<int>("--matching", [o](int n) { o->record.matching = static_cast<trust::TlsaMatching>(n); },
                              "0: all of it; 1: SHA-256 (default); 2: SHA-512")
      ->type_name("N")->check(CLI::Range(0, 2));
  c->add_option_function<std::string>("--proto", [o](const std::string& word) { o->record.place.transport = transports.at(word); },
                                      "tcp (default), udp or sctp")
      ->type_name("PROTO")->check(CLI::IsMember(transports));
  c->add_option("--service", o->record.place.service, "With --client: what it does, such as smtp-client (default: everything)")->type_name("SERVICE");
  c->callback([&pool, &todo, o] {
    if (o->record.place.peer == DanePlace::Peer::server && o->record.place.port == 0) throw CLI::RequiredError("PORT or --client");
    if (o->record.place.peer == DanePlace::Peer::server && !o->record.place.service.empty()) throw CLI::RequiredError("--client");
    todo = [&pool, o] {
      o->record.pool = pool;
      return dane_record(o->record);
    };
  });

  c = group->add_subcommand("check", "Compare the TLSA records that are published with the certificates that are served");
  add_place(c, o->check.place);
  c->add_option("--service", o->check.place.service, "smtp: NAME is a mail domain; _imap._tcp or the like: its SRV records name the servers; "
                "with --client: what it does")->type_name("SERVICE");
  c->add_option("--certificate", o->check.certificate, "Compare this PEM chain, and connect to nobody")->type_name("FILE");
  c->add_option("--connect", o->check.connect, "Connect there, whatever the DNS says")->type_name("HOST:PORT");
  c->add_option_function<std::string>("--starttls", [o](const std::string& word) { o->check.starttls = protocols.at(word); },
                                      "What is spoken before TLS: none (default), smtp (default with --service smtp), imap or pop3")
      ->type_name("PROTOCOL")->check(CLI::IsMember(protocols));
  c->add_option("--timeout", o->timeout, "Seconds for connecting, and for each answer of the server (default: 10)")
      ->type_name("SECONDS")->check(CLI::Range(0.1, 600.0));
  c->callback([&pool, &todo, o] {
    if (o->check.place.peer == DanePlace::Peer::server && o->check.place.port == 0) throw CLI::RequiredError("PORT or --client");
    todo = [&pool, o] {
      o->check.pool = pool;
      o->check.timeout = std::chrono::milliseconds(static_cast<long>(o->timeout * 1000));
      return dane_check(o->check);
    };
  });
}

}  // namespace tlspool::cli
