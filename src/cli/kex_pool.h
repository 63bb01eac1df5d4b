// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "cli/kex_commands.h"
#include "config/paths.h"
#include "kex/armour.h"
#include "wire/json.h"

namespace tlspool::cli {

/// An `Exchange` of io.tlspool.Pool.
struct KexExchange {
  enum class State { waiting, unconfirmed, finished, failed };
  std::string id, message_id, with, local, remote;
  State state = State::waiting;
  int step = 0;
  std::string role, verified_by, pin, problem;
  Bytes authentication;
  std::int64_t expires = 0;
};

/// What a call came to: how the exchange stands, and the next message, if there is one.
struct KexTurn {
  KexExchange exchange;
  Bytes message;
};

/// The pool's key exchanges. Every error says what the pool said.
class KexPool {
 public:
  [[nodiscard]] static Result<KexPool> open(const std::string& pool);

  [[nodiscard]] Result<KexTurn> start(const KexParties& parties);
  /// With the first of kex::find_messages(), or where it was read before or is our own, with another one of the same step. `parties`
  /// matter where it is a first message; later `with` must fit.
  [[nodiscard]] Result<KexTurn> go_on(const std::vector<kex::Armoured>& messages, const KexParties& parties);
  [[nodiscard]] Result<KexTurn> show(const std::string& exchange);
  [[nodiscard]] Result<KexExchange> confirm(const std::string& exchange);
  [[nodiscard]] Result<std::vector<KexExchange>> list();
  [[nodiscard]] Result<wire::Value> list_json();
  [[nodiscard]] Status cancel(const std::string& exchange);
  /// kex::material_size bytes.
  [[nodiscard]] Result<Secret> material(const std::string& exchange);
  /// `as`, or the only identity that can be both client and server.
  [[nodiscard]] Result<std::string> own_identity(const std::string& as);
  [[nodiscard]] const config::Paths& paths() const { return paths_; }

 private:
  explicit KexPool(config::Paths paths) : paths_(std::move(paths)) {}
  [[nodiscard]] Result<wire::Value> ask(const char* method, wire::Value parameters);
  [[nodiscard]] Result<KexTurn> turn(const char* method, wire::Value parameters);
  [[nodiscard]] Result<wire::Value> with_parties(const KexParties& parties, wire::Value parameters);
  [[nodiscard]] Result<KexTurn> go_on(ByteView message, const KexParties& parties);

  config::Paths paths_;
};

}  // namespace tlspool::cli
