// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/completion_options.h"
#include "cli/dane_options.h"
#include "cli/kex_options.h"
#include "cli/pin_options.h"
#include "cli/psk_commands.h"
#include "cli/qkd_commands.h"
#include "cli/trust_options.h"

namespace {

using namespace tlspool;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

/// The subcommand that was given leaves here what is to be done.
using Todo = std::function<Status()>;

const std::map<std::string, cli::KeyKind> key_kinds{
    {"p256", {wire::KeyType::p256, 256}},     {"p384", {wire::KeyType::p384, 384}},
    {"rsa2048", {wire::KeyType::rsa, 2048}},  {"rsa3072", {wire::KeyType::rsa, 3072}},
    {"rsa4096", {wire::KeyType::rsa, 4096}},  {"ed25519", {wire::KeyType::ed25519, 256}},
};
const std::map<std::string, cli::Version> versions{{"1.2", cli::Version::tls12}, {"1.3", cli::Version::tls13}};
const std::map<std::string, cli::SaeFrom> sae_places{
    {"cn", cli::SaeFrom::cn}, {"dns", cli::SaeFrom::dns}, {"uri", cli::SaeFrom::uri}, {"serial", cli::SaeFrom::serial}};
const std::map<std::string, cli::Role> roles{{"client", cli::Role::client}, {"server", cli::Role::server}, {"peer", cli::Role::peer}};
const std::map<std::string, cli::Side> sides{{"tls-in", cli::Side::tls_in}, {"tls-out", cli::Side::tls_out}};

void add_json(CLI::App* command, cli::Output& output, const std::string& help) {
  command->add_flag_callback("--json", [&output] { output = cli::Output::json; }, help);
}

void add_pem(CLI::App* command, cli::Encoding& encoding, const std::string& help) {
  command->add_flag_callback("--pem", [&encoding] { encoding = cli::Encoding::pem; }, help);
}

/// Options of every subcommand; CLI11 fills them, so they must live as long as the parsed app.
struct Options {
  std::string pool;
  cli::InitOptions init;
  cli::IdentityNewOptions identity_new;
  std::string key = "p256";
  cli::IdentityListOptions identity_list;
  cli::IdentityShowOptions identity_show;
  cli::CaShowOptions ca_show;
  cli::StatusOptions status;
  cli::StatusOptions sessions;
  cli::TopOptions top;
  cli::PinOptions pin;
  cli::ConnectOptions connect;
  std::string least = "1.2";
  double timeout = 30;
  cli::TunnelOptions tunnel;
  std::string side;
  cli::QkdFetchOptions qkd_fetch;
  cli::QkdImportOptions qkd_import;
  cli::QkdStatusOptions qkd_status;
  cli::QkdAuditOptions qkd_audit;
  cli::QkdServeOptions qkd_serve;
  std::string sae_from = "cn";
  cli::QkdCheckOptions qkd_check;
  double audit_timeout = 300;
  cli::PskAddOptions psk_add;
  cli::PskListOptions psk_list;
  cli::PskRemoveOptions psk_remove;
  cli::AgentOptions agent;
};

void add_init(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("init", "Make a pool: configuration, token with a random PIN, development CA, identity");
  c->add_option("--name", o.init.name, "Name of the first identity (default: this host's name)")->type_name("NAME");
  c->callback([&] { todo = [&] { o.init.pool = o.pool; return cli::init(o.init); }; });
}

void add_identity(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("identity", "Make and show identities: a name, its key in the token, its certificate");
  c->require_subcommand(1);
  auto* make = c->add_subcommand("new", "Make a key in the token and a certificate of the development CA for NAME");
  make->add_option("NAME", o.identity_new.name, "Host name or user@domain")->required();
  make->add_option("--key", o.key, "p256 (default), p384, rsa2048, rsa3072, rsa4096 or ed25519")
      ->type_name("KIND")->check(CLI::IsMember(key_kinds));
  make->callback([&] {
    todo = [&] {
      o.identity_new.pool = o.pool;
      o.identity_new.key = key_kinds.at(o.key);
      return cli::identity_new(o.identity_new);
    };
  });
  auto* list = c->add_subcommand("list", "List the identities, and whether their keys can sign");
  add_json(list, o.identity_list.output, "Write one JSON array");
  list->callback([&] { todo = [&] { o.identity_list.pool = o.pool; return cli::identity_list(o.identity_list); }; });
  auto* show = c->add_subcommand("show", "Show one identity and its certificates");
  show->add_option("NAME", o.identity_show.name, "The identity")->required();
  add_pem(show, o.identity_show.encoding, "Write its certificate chain in PEM");
  show->callback([&] { todo = [&] { o.identity_show.pool = o.pool; return cli::identity_show(o.identity_show); }; });
}

void add_ca(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("ca", "The pool's development CA");
  c->require_subcommand(1);
  auto* show = c->add_subcommand("show", "Show the CA's certificate");
  add_pem(show, o.ca_show.encoding, "Write it in PEM, as curl --cacert wants it");
  show->callback([&] { todo = [&] { o.ca_show.pool = o.pool; return cli::ca_show(o.ca_show); }; });
}

void add_state(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("status", "Show how the running pool stands: processes, tokens, keys, counts");
  add_json(c, o.status.output, "Write one JSON object");
  c->callback([&] { todo = [&] { o.status.pool = o.pool; return cli::status(o.status); }; });
  c = app.add_subcommand("sessions", "List the open sessions: who talks to whom");
  add_json(c, o.sessions.output, "Write one JSON array");
  c->callback([&] { todo = [&] { o.sessions.pool = o.pool; return cli::sessions(o.sessions); }; });
  c = app.add_subcommand("top", "Watch what goes on: sessions, handshakes, tokens, processes; your own sessions if the pool is not yours");
  add_json(c, o.top.output, "Write one JSON object a line");
  c->add_flag_callback("--once", [&] { o.top.times = cli::TopOptions::Times::once; }, "Look for one interval, write what was seen, and end");
  c->add_option_function<double>("--interval", [&](double s) { o.top.every = std::chrono::milliseconds(static_cast<int>(s * 1000)); }, "Seconds (default: 1)")->type_name("S")->check(CLI::Range(0.1, 3600.0));
  c->callback([&] { todo = [&] { o.top.pool = o.pool; return cli::top(o.top); }; });
  c = app.add_subcommand("doctor", "Look for the usual mistakes and say what to do about each");
  c->callback([&] { todo = [&] { return cli::doctor(o.pool); }; });
  c = app.add_subcommand("reload", "Have the running pool read its configuration again; open sessions go on");
  c->callback([&] { todo = [&] { return cli::reload(o.pool); }; });
  c = app.add_subcommand("upgrade", "Have a new executable of tlspoold take the running pool over; open sessions go on");
  c->callback([&] { todo = [&] { return cli::upgrade(o.pool); }; });
  c = app.add_subcommand("pin", "Ask for a token's PIN, without echo, and give it to the keeper");
  c->add_option("TOKEN", o.pin.token, "Name of the [[token]] (default: the one that waits for its PIN)");
  c->callback([&] { todo = [&] { o.pin.pool = o.pool; return cli::pin(o.pin); }; });
}

void add_shared_key(CLI::App* command, cli::SharedKey& shared_key) {
  command->add_flag_callback("--shared-key", [&shared_key] { shared_key = cli::SharedKey::required; },
                             "Let nothing but a key that both sides share protect the connection ([[peer]] in tlspool.toml)");
}

/// `usual`: what the own role is without the option.
void add_roles(CLI::App* command, cli::Roles& chosen, const std::string& usual) {
  const auto role = [&](const std::string& name, std::optional<cli::Role>& into, const std::string& help) {
    command->add_option_function<std::string>(name, [&into](const std::string& word) { into = roles.at(word); }, help)
        ->type_name("ROLE")->check(CLI::IsMember(roles));
  };
  role("--role", chosen.own, "client, server or peer: what this side may be in TLS (default: " + usual + ")");
  role("--remote-role", chosen.remote, "The same of the other side (default: what fits; peer for a peer)");
  command->add_option_function<unsigned>("--hello-delay", [&chosen](unsigned ms) { chosen.hello_delay = std::chrono::milliseconds(ms); },
                                         "How long a peer waits for the other side's hello before it sends its own")
      ->type_name("MS")->check(CLI::Range(0, 600000));
}

void add_connect(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("connect", "Connect to a TLS server or peer; bytes flow between it and standard input and output");
  auto* one_of = c->add_option_group("One of");
  one_of->require_option(1);
  one_of->add_option("TARGET", o.connect.target, "HOST:PORT, with [brackets] around an IPv6 address");
  one_of->add_option("--listen", o.connect.listen, "Wait there for one connection instead; port 0 takes a free one")->type_name("A:P");
  c->add_option("--as", o.connect.as, "Identity to prove (default: none)")->type_name("ID");
  c->add_option("--expect", o.connect.expect, "Name that the other side must prove (default: HOST)")->type_name("NAME");
  add_roles(c, o.connect.roles, "client");
  c->add_option("--alpn", o.connect.alpn, "Protocols to offer, most wanted first, with commas")
      ->type_name("LIST")->delimiter(',')->allow_extra_args(false);
  c->add_option("--min-version", o.least, "Lowest TLS version: 1.2 (default) or 1.3")
      ->type_name("VERSION")->check(CLI::IsMember(versions));
  c->add_option("--timeout", o.timeout, "Seconds for connecting and for the handshake (default: 30)")
      ->type_name("SECONDS")->check(CLI::Range(0.1, 600.0));
  add_shared_key(c, o.connect.shared_key);
  add_json(c, o.connect.output, "Write what was proved to standard error, as one JSON object");
  c->callback([&] {
    todo = [&] {
      o.connect.pool = o.pool;
      o.connect.least = versions.at(o.least);
      o.connect.timeout = std::chrono::milliseconds(static_cast<long>(o.timeout * 1000));
      return cli::connect(o.connect);
    };
  });
}

void add_tunnel(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("tunnel", "Accept connections and have the pool put TLS on one side of each");
  c->add_option("--listen", o.tunnel.listen, "Where to accept; port 0 takes a free one")->type_name("A:P")->required();
  c->add_option("--connect", o.tunnel.connect, "Where to connect for each")->type_name("A:P")->required();
  c->add_option("--side", o.side, "tls-in: the accepted side speaks TLS; tls-out: the connected side does")
      ->type_name("SIDE")->check(CLI::IsMember(sides))->required();
  c->add_option("--as", o.tunnel.as, "Identity to prove (tls-in default: the name that the client asks for)")
      ->type_name("ID");
  c->add_option("--expect", o.tunnel.expect,
                "Name that the other side must prove (tls-out default: the host of --connect)")->type_name("NAME");
  add_roles(c, o.tunnel.roles, "server for tls-in, client for tls-out");
  c->add_option("--alpn", o.tunnel.alpn, "Protocols to offer or accept, most wanted first, with commas")
      ->type_name("LIST")->delimiter(',')->allow_extra_args(false);
  c->add_option("--handshakes", o.tunnel.handshakes, "At most so many handshakes side by side (default: 4096)")
      ->type_name("N")->check(CLI::Range(1, 1000000));
  add_shared_key(c, o.tunnel.shared_key);
  c->callback([&] {
    todo = [&] {
      o.tunnel.pool = o.pool;
      o.tunnel.side = sides.at(o.side);
      return cli::tunnel(o.tunnel);
    };
  });
}

void add_qkd(CLI::App& app, Options& o, Todo& todo) {
  auto* group = app.add_subcommand("qkd", "One-time keys that two sites share: fill the token, look after it");
  group->require_subcommand(1);
  auto* c = group->add_subcommand("fetch", "Fill the token from the peer's key management entity, and print the keys' ids");
  c->add_option("PEER", o.qkd_fetch.peer, "Name of the [[peer]]")->required();
  auto* count = c->add_option("--count", o.qkd_fetch.count, "How many new keys (default: 100)")
                    ->type_name("N")->check(CLI::Range(1, 100000));
  auto* ids = c->add_option("--ids", o.qkd_fetch.ids, "Fetch the keys of these ids, as the other site printed them; -: standard input")
                  ->type_name("FILE");
  auto* size = c->add_option("--size", o.qkd_fetch.bits, "Bits of a new key (default: 256)")
                   ->type_name("BITS")->check(CLI::Range(128, 2048));
  ids->excludes(count)->excludes(size);
  add_json(c, o.qkd_fetch.output, "Write one JSON object at the end, instead of the ids");
  c->callback([&] { todo = [&] { o.qkd_fetch.pool = o.pool; return cli::qkd_fetch(o.qkd_fetch); }; });
  c = group->add_subcommand("import", "Put keys that both sites have into the token");
  c->add_option("PEER", o.qkd_import.peer, "Name of the [[peer]]")->required();
  c->add_option("FILE", o.qkd_import.file, "Lines ID KEY, the key in hex or base64 (default: standard input)");
  c->callback([&] { todo = [&] { o.qkd_import.pool = o.pool; return cli::qkd_import(o.qkd_import); }; });
  c = group->add_subcommand("status", "Show how many keys are left for each peer; fails when they run low");
  c->add_option("PEER", o.qkd_status.peer, "Name of the [[peer]] (default: all)");
  add_json(c, o.qkd_status.output, "Write one JSON array");
  c->callback([&] { todo = [&] { o.qkd_status.pool = o.pool; return cli::qkd_status(o.qkd_status); }; });
  c = group->add_subcommand("audit", "Compare the keys with the other site's, over a connection that the pool protects");
  c->add_option("PEER", o.qkd_audit.peer, "Name of the [[peer]]")->required();
  auto* one_of = c->add_option_group("One of");
  one_of->require_option(1);
  one_of->add_option("--listen", o.qkd_audit.listen, "Where to wait for the other site; port 0 takes a free one")->type_name("A:P");
  one_of->add_option("--connect", o.qkd_audit.connect, "Where the other site waits")->type_name("A:P");
  c->add_option("--as", o.qkd_audit.as, "Identity to prove (default: the peer's `as`, else the pool's name)")->type_name("ID");
  c->add_option("--expect", o.qkd_audit.expect, "Name that the other site must prove (default: PEER)")->type_name("NAME");
  add_shared_key(c, o.qkd_audit.shared_key);
  c->add_option("--timeout", o.audit_timeout, "Seconds for all of it (default: 300)")
      ->type_name("SECONDS")->check(CLI::Range(0.1, 3600.0));
  add_json(c, o.qkd_audit.output, "Write one JSON object");
  c->callback([&] {
    todo = [&] {
      o.qkd_audit.pool = o.pool;
      o.qkd_audit.timeout = std::chrono::milliseconds(static_cast<long>(o.audit_timeout * 1000));
      return cli::qkd_audit(o.qkd_audit);
    };
  });
}

void add_psk(CLI::App& app, Options& o, Todo& todo) {
  using From = cli::PskAddOptions::From;
  auto* group = app.add_subcommand("psk", "Lasting keys that both sides of a connection share: put one in, list, remove");
  group->require_subcommand(1);
  auto& add = o.psk_add;
  auto* c = group->add_subcommand("add", "Store a shared key in the token; it never stands on a command line");
  c->add_option("NAME", add.name, "What [[peer]] psk calls it")->required();
  auto* source = c->add_option_group("One of");
  source->require_option(0, 1);
  source->add_flag_callback("--from-stdin", [&] { add.from = From::text; }, "Read it from standard input, hexadecimal or base64 (default)");
  source->add_flag_callback("--raw", [&] { add.from = From::raw; }, "Read its bytes from standard input");
  auto* generate = source->add_flag_callback("--generate", [&] { add.from = From::generated; }, "Make a random one");
  auto* phrase = source->add_flag_callback("--passphrase", [&] { add.from = From::passphrase; },
                                           "Ask for a passphrase, without echo, and stretch it by scrypt");
  c->add_option("--bytes", add.bytes, "Size of a random one (default: 32)")
      ->type_name("N")->check(CLI::Range(16, 256))->needs(generate);
  c->add_flag_callback("--show", [&] { add.show = cli::PskAddOptions::Show::key; },
                       "Print the random one in hexadecimal, this once, for the other side")->needs(generate);
  c->add_option("--salt", add.salt, "Salt of scrypt, equal on both sides (default: tlspool-psk:NAME)")
      ->type_name("TEXT")->needs(phrase);
  c->add_flag_callback("--weak", [&] { add.weak = cli::PskAddOptions::Weak::accepted; },
                       "Take a passphrase that can be guessed")->needs(phrase);
  c->add_option("--token", add.token, "Name of the [[token]] (default: the first)")->type_name("TOKEN");
  c->add_flag_callback("--derived", [&] { add.mode = wire::KeyMode::derived; },
                       "It never leaves the token again: for mode = \"derived\"");
  c->callback([&] { todo = [&] { o.psk_add.pool = o.pool; return cli::psk_add(o.psk_add); }; });
  c = group->add_subcommand("list", "List the lasting keys, and the peers that use each");
  add_json(c, o.psk_list.output, "Write one JSON array");
  c->callback([&] { todo = [&] { o.psk_list.pool = o.pool; return cli::psk_list(o.psk_list); }; });
  c = group->add_subcommand("remove", "Destroy a lasting key");
  c->add_option("NAME", o.psk_remove.name, "The key")->required();
  c->callback([&] { todo = [&] { o.psk_remove.pool = o.pool; return cli::psk_remove(o.psk_remove); }; });
}

void add_agent(CLI::App& app, Options& o, Todo& todo) {
  auto* c = app.add_subcommand("agent", "Ask you, where a [[disclosure]] says so, whether a peer may see who you are");
  c->add_option("--program", o.agent.program, "Ask by this program: question on its input, answer by its exit status")->type_name("PROG");
  c->callback([&] { todo = [&] { o.agent.pool = o.pool; return cli::agent(o.agent); }; });
}

/// The options of one of the two entities of `qkd serve`; `which` stands before the words of the second one.
void add_entity(CLI::App* c, cli::QkdEntity& entity, const std::string& which, const std::string& of) {
  const auto option = [&](const std::string& name, auto& value, const std::string& help) {
    return c->add_option("--" + which + name, value, of + help)->required();
  };
  option("listen", entity.listen, "where it listens; port 0 takes a free one")->type_name("A:P");
  option("as", entity.as, "identity that it proves to its clients")->type_name("ID");
  option("kme", entity.kme, "its id")->type_name("NAME");
  option("link", entity.link, "the [[peer]] (deliver = true, id = \"uuid\") whose keys it delivers")->type_name("PEER");
  option("sae", entity.saes, "an SAE that it serves; may be given again")->type_name("NAME")->allow_extra_args(false);
}

void add_serve(CLI::App& group, Options& o, Todo& todo) {
  auto* c = group.add_subcommand("serve", "Be two key management entities (ETSI GS QKD 014) with a simulated link between them");
  add_entity(c, o.qkd_serve.first, "", "First entity: ");
  c->add_option("--peer-pool", o.qkd_serve.second.pool, "Second entity: its pool")->type_name("DIR")->required();
  add_entity(c, o.qkd_serve.second, "peer-", "Second entity: ");
  c->add_option("--sae-from", o.sae_from, "Where a certificate has its SAE id: cn (default), dns, uri or serial")
      ->type_name("PLACE")->check(CLI::IsMember(sae_places));
  c->add_option("--rate", o.qkd_serve.rate, "Keys a second that the link makes (default: as many as there is room for)")
      ->type_name("N")->check(CLI::Range(1, 10000));
  c->add_option("--store", o.qkd_serve.store, "Most keys that are kept (default: 1000)")->type_name("N")->check(CLI::Range(1, 100000));
  c->add_option("--size", o.qkd_serve.bits, "Bits of a key where a client names no size (default: 256)")
      ->type_name("BITS")->check(CLI::Range(64, 1024));
  c->callback([&] {
    todo = [&] {
      o.qkd_serve.first.pool = o.pool;
      o.qkd_serve.sae_from = sae_places.at(o.sae_from);
      return cli::qkd_serve(o.qkd_serve);
    };
  });
}

void add_check(CLI::App& group, Options& o, Todo& todo) {
  auto* c = group.add_subcommand("check", "Check whether a key management entity keeps to ETSI GS QKD 014; uses up some twenty keys");
  cli::QkdCheckOptions& check = o.qkd_check;
  c->add_option("URL", check.url, "The entity: https://HOST[:PORT][/PATH]")->required();
  c->add_option("--as", check.as, "Identity that is the master SAE's")->type_name("ID")->required();
  c->add_option("--expect", check.expect, "Name that the entity must prove (default: the URL's host)")->type_name("NAME");
  c->add_option("--sae", check.sae, "SAE id of the master: ours")->type_name("NAME")->required();
  c->add_option("--peer-sae", check.peer_sae, "SAE id of the slave")->type_name("NAME")->required();
  auto* url = c->add_option("--peer-url", check.peer_url, "The slave's entity, to have the keys delivered there")->type_name("URL");
  auto* as = c->add_option("--peer-as", check.peer_as, "Identity that is the slave SAE's")->type_name("ID");
  url->needs(as);
  as->needs(url);
  c->add_option("--peer-expect", check.peer_expect, "Name that the slave's entity must prove (default: its URL's host)")
      ->type_name("NAME")->needs(url);
  auto* other = c->add_option("--other-sae", check.other_sae, "SAE id of a third one at the slave's entity")->type_name("NAME");
  auto* other_as = c->add_option("--other-as", check.other_as, "Identity that is the third SAE's")->type_name("ID");
  other->needs(other_as, url);
  other_as->needs(other);
  add_json(c, check.output, "Write one JSON object");
  c->callback([&] { todo = [&] { o.qkd_check.pool = o.pool; return cli::qkd_check(o.qkd_check); }; });
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  CLI::App app("TLS for every program on this machine: keys stay in the pool.", "tlspool");
  app.set_version_flag("--version", std::string("tlspool " TLSPOOL_VERSION));
  app.footer("See tlspool(1). First steps: tlspool init, then tlspoold, then tlspool doctor.");
  app.fallthrough();
  app.require_subcommand(1);
  Options options;
  Todo todo;
  app.add_option("--pool", options.pool, "The pool's directory (default: $TLSPOOL_DIR, else the system's or the user's own)")
      ->type_name("DIR");
  add_init(app, options, todo);
  add_identity(app, options, todo);
  add_ca(app, options, todo);
  add_state(app, options, todo);
  add_connect(app, options, todo);
  add_tunnel(app, options, todo);
  add_qkd(app, options, todo);
  add_psk(app, options, todo);
  add_agent(app, options, todo);
  cli::add_kex(app, options.pool, todo);
  cli::add_dane(app, options.pool, todo);
  cli::add_trust(app, options.pool, todo);
  cli::add_pins_and_revocations(app, options.pool, todo);
  add_serve(*app.get_subcommand("qkd"), options, todo);
  add_check(*app.get_subcommand("qkd"), options, todo);
  cli::add_completion(app, todo);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& e) {
    const auto unknown = app.remaining(true);
    if (unknown.empty()) return app.exit(e) == 0 ? 0 : exit_usage;
    std::fprintf(stderr, "tlspool: there is no command %s; `tlspool --help` lists them\n", printable(unknown.front()).c_str());
    return exit_usage;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : exit_usage;
  }
  Status done = todo();
  if (std::fflush(stdout) != 0 && done) done = fail(system_error("write", "standard output", errno));
  if (done) return 0;
  std::fprintf(stderr, "tlspool: %s\n", done.error().text().c_str());
  return exit_failure;
}
