// SPDX-License-Identifier: Apache-2.0
#include "cli/trust_options.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/explain.h"

namespace tlspool::cli {
namespace {

void add_explain(CLI::App& app, const std::string& pool, std::function<Status()>& todo) {
  auto o = std::make_shared<ExplainOptions>();
  auto seconds = std::make_shared<double>(30);
  auto* c = app.add_subcommand("explain", "Say which policy applies to a peer, and what every check of it says");
  auto* who = c->add_option_group("Who");
  who->require_option(1);
  auto* to = who->add_option("--to", o->to, "A server; port 443 where none is named")->type_name("NAME[:PORT]");
  auto* from = who->add_option("--from", o->from, "A client")->type_name("NAME");
  auto* where = c->add_option("--connect", o->connect, "Where the server is (default: as --to says)")->type_name("HOST:PORT")->excludes(from);
  auto* listen = c->add_option("--listen", o->listen, "Wait there for the client; port 0 takes a free one")->type_name("A:P")->excludes(to);
  c->add_option("--chain", o->chain, "Judge the certificates of this PEM file, leaf first, without a connection")
      ->type_name("FILE")->excludes(where)->excludes(listen);
  c->add_option("--service", o->service, "The service that the program would name")->type_name("S");
  c->add_option("--as", o->as, "Identity of ours")->type_name("ID");
  c->add_option("--timeout", *seconds, "Seconds for connecting and for the handshake (default: 30)")
      ->type_name("SECONDS")->check(CLI::Range(0.1, 600.0));
  c->add_flag_callback("--json", [o] { o->output = Output::json; }, "Print one JSON object");
  c->callback([&pool, &todo, o, seconds] {
    todo = [&pool, o, seconds] {
      o->pool = pool;
      o->timeout = std::chrono::milliseconds(static_cast<long>(*seconds * 1000));
      return explain(*o);
    };
  });
}

}  // namespace

void add_trust(CLI::App& app, const std::string& pool, std::function<Status()>& todo) {
  add_explain(app, pool, todo);
}

}  // namespace tlspool::cli
