// SPDX-License-Identifier: Apache-2.0
#include "cli/pin_options.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/trust_commands.h"

namespace tlspool::cli {
namespace {

// Options live as long as the callbacks that hold them.
struct PinAndRevokeOptions {
  PinPeerAddOptions add;
  PinPeerListOptions list;
  PinPeerRemoveOptions remove;
  RevokeOptions revoke;
  RevokeListOptions revoked;
};

void add_pin_peer(CLI::App& app, const std::string& pool, std::function<Status()>& todo, const std::shared_ptr<PinAndRevokeOptions>& o) {
  auto* group = app.add_subcommand("pin-peer", "Keys by which peers are known, for policies with pin or pin-or-first-use");
  group->require_subcommand(1);
  auto* c = group->add_subcommand("add", "Pin a key or a certificate for NAME; other pins of it go on holding");
  c->add_option("NAME", o->add.name, "The peer's identity")->required();
  auto* one_of = c->add_option_group("One of");
  one_of->require_option(1);
  auto* file = one_of->add_option("--certificate", o->add.certificate, "The certificate in this PEM file, its first one")->type_name("FILE");
  one_of->add_option("--spki", o->add.spki, "The key with this SHA-256 of its SubjectPublicKeyInfo, in hexadecimal")->type_name("HEX");
  one_of->add_option("--connect", o->add.connect, "The key that the TLS server there shows now; nothing vouches for it")->type_name("HOST:PORT");
  c->add_flag_callback("--key", [o] { o->add.of = PinPeerAddOptions::Of::key; },
                       "Of the file pin the key, so that another certificate of it will do")->needs(file);
  c->add_option("--service", o->add.service, "For this service alone (default: all)")->type_name("S");
  c->add_option("--days", o->add.days, "It holds so long (default: for ever)")->type_name("N")->check(CLI::Range(1, 36500));
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->add.pool = pool; return pin_peer_add(o->add); }; });

  c = group->add_subcommand("list", "List the pins, and who showed another key than the pinned one");
  c->add_flag_callback("--json", [o] { o->list.output = Output::json; }, "Write one JSON object");
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->list.pool = pool; return pin_peer_list(o->list); }; });

  c = group->add_subcommand("remove", "Remove the pins of NAME");
  c->add_option("NAME", o->remove.name, "The peer's identity")->required();
  c->add_option("--spki,--sha256", o->remove.sha256, "This one alone")->type_name("HEX");
  c->add_option("--service", o->remove.service, "Those for this service alone")->type_name("S");
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->remove.pool = pool; return pin_peer_remove(o->remove); }; });
}

void add_revoke(CLI::App& app, const std::string& pool, std::function<Status()>& todo, const std::shared_ptr<PinAndRevokeOptions>& o) {
  auto* group = app.add_subcommand("revoke", "Refuse peers from now on, and end their sessions at once");
  group->require_subcommand(0, 1);
  group->add_option("WHAT", o->revoke.what, "Selector of their names, serial:HEX of their certificate, or spki:HEX of their key");
  group->add_option("--issuer", o->revoke.issuer, "Of a serial number: the issuer (RFC 2253; default: any)")->type_name("NAME");
  group->add_flag_callback("--undo", [o] { o->revoke.direction = RevokeOptions::Direction::undo; }, "Take it back");
  group->callback([&pool, &todo, o, group] {
    if (!group->get_subcommands().empty()) return;
    if (o->revoke.what.empty()) throw CLI::RequiredError("WHAT");
    todo = [&pool, o] { o->revoke.pool = pool; return revoke(o->revoke); };
  });
  auto* c = group->add_subcommand("list", "List who is revoked");
  c->add_flag_callback("--json", [o] { o->revoked.output = Output::json; }, "Write one JSON array");
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->revoked.pool = pool; return revoke_list(o->revoked); }; });
}

}  // namespace

void add_pins_and_revocations(CLI::App& app, const std::string& pool, std::function<Status()>& todo) {
  auto o = std::make_shared<PinAndRevokeOptions>();
  add_pin_peer(app, pool, todo, o);
  add_revoke(app, pool, todo, o);
}

}  // namespace tlspool::cli
