// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "cli/kex_commands.h"

namespace tlspool::cli {
namespace {

const std::map<std::string, kex::Format> formats{{"password", kex::Format::password}, {"words", kex::Format::words}, {"base64", kex::Format::base64},
                                                 {"hex", kex::Format::hex}, {"raw", kex::Format::raw}};

// Options live as long as the callbacks that hold them.
struct Shared {
  KexStartOptions start;
  KexReplyOptions reply;
  KexConfirmOptions confirm;
  KexListOptions list;
  KexOneOptions show;
  KexOneOptions cancel;
  int start_days = 7;
  int reply_days = 7;
};

void add_parties(CLI::App* c, KexParties& parties, int& days) {
  c->add_option("--as", parties.as, "Your identity (default: the only one you have)")->type_name("ID");
  c->add_flag_callback("--first-contact", [&parties] { parties.first_contact = FirstContact::accepted; },
                       "Accept a key that nothing vouches for, to compare words by voice");
  c->add_option("--days", days, "How long the exchange may take (default: 7)")->type_name("N")->check(CLI::Range(1, 30));
}

void add_result(CLI::App* c, KexResult& result) {
  auto* format = c->add_option_function<std::string>("--format", [&result](const std::string& word) { result.format = formats.at(word); },
                                      "password (default), words, base64, hex or raw")
      ->type_name("FORMAT")->check(CLI::IsMember(formats));
  auto* bytes = c->add_option("--bytes", result.size, "Length: characters of a password (default 16), else bytes (words 16, others 32)")
      ->type_name("N")->check(CLI::Range(1, 1024));
  auto* out = c->add_option("--out", result.file, "Write it to this new file, which only you can read")->type_name("FILE");
  c->add_option("--store", result.store, "Put it into the pool as a shared key, by the other side's name or another one")
      ->type_name("NAME")->expected(0, 1)->default_str("")->excludes(out)->excludes(format)->excludes(bytes);
}

}  // namespace

void add_kex(CLI::App& app, const std::string& pool, std::function<Status()>& todo) {
  auto o = std::make_shared<Shared>();
  auto* group = app.add_subcommand("kex", "Exchange a key with somebody by messages in mail or chat; alone: a dialogue");
  group->require_subcommand(0, 1);
  group->callback([&pool, &todo, group] {
    if (group->get_subcommands().empty()) todo = [&pool] { return kex_dialogue(pool); };
  });

  auto* c = group->add_subcommand("start", "Print the first message");
  c->add_option("--with", o->start.parties.with, "Identity of the other side")->type_name("NAME")->required();
  add_parties(c, o->start.parties, o->start_days);
  c->callback([&pool, &todo, o] {
    todo = [&pool, o] {
      o->start.pool = pool;
      o->start.parties.lifetime = std::chrono::days(o->start_days);
      return kex_start(o->start);
    };
  });

  c = group->add_subcommand("reply", "Read a message, and print the next one, or the result");
  c->add_option("FILE", o->reply.file, "Text with the message in it (default: standard input)");
  c->add_option("--with", o->reply.parties.with, "Who the other side must be (default: whoever proves an identity)")->type_name("NAME");
  add_parties(c, o->reply.parties, o->reply_days);
  add_result(c, o->reply.result);
  c->callback([&pool, &todo, o] {
    todo = [&pool, o] {
      o->reply.pool = pool;
      o->reply.parties.lifetime = std::chrono::days(o->reply_days);
      return kex_reply(o->reply);
    };
  });

  c = group->add_subcommand("confirm", "The words were the same: give the result; also of an exchange that needed none");
  c->add_option("ID", o->confirm.exchange, "The exchange")->required();
  add_result(c, o->confirm.result);
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->confirm.pool = pool; return kex_confirm(o->confirm); }; });

  c = group->add_subcommand("list", "List the exchanges under way");
  c->add_flag_callback("--json", [o] { o->list.output = Output::json; }, "Write one JSON array");
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->list.pool = pool; return kex_list(o->list); }; });

  c = group->add_subcommand("show", "Print the last message of an exchange again, and how it stands");
  c->add_option("ID", o->show.exchange, "The exchange")->required();
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->show.pool = pool; return kex_show(o->show); }; });

  c = group->add_subcommand("cancel", "End an exchange and forget its key");
  c->add_option("ID", o->cancel.exchange, "The exchange")->required();
  c->callback([&pool, &todo, o] { todo = [&pool, o] { o->cancel.pool = pool; return kex_cancel(o->cancel); }; });
}

}  // namespace tlspool::cli
