// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "etsi014/messages.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

/// No keys came.
struct FetchFailure {
  Error error;
  bool answer_lost = false;  ///< the entity may have delivered keys, and forgets what it has delivered
};
using Delivery = tl::expected<etsi014::KeyContainer, FetchFailure>;

/// What a Filler does its work with.
struct FillerCalls {
  std::function<Delivery(std::uint32_t number)> enc_keys;
  std::function<Delivery(const std::vector<std::string>& ids)> dec_keys;
  std::function<Result<wire::Deposited>(std::vector<wire::NumberedKey>)> deposit;  ///< wipes the keys
  /// As soon as they are. Where this fails nothing more is asked for: keys whose ids nobody learns are of no use.
  std::function<Status(const std::vector<std::string>& ids)> stored;
};

/// Brings keys from a key management entity into the token, batch by batch. Each batch is stored before the next one
/// is asked for: what was delivered and not stored is lost. Ids are the entity's UUIDs.
class Filler {
 public:
  using Told = std::vector<std::pair<std::string, std::string>>;  ///< id and reason
  struct Tally {
    std::size_t wanted = 0;
    std::size_t stored = 0;
    Told refused;               ///< delivered, and not taken by the keeper: lost
    Told lost;                  ///< delivered damaged, or in an answer that did not come; the id may be empty
    std::size_t maybe_lost = 0; ///< keys without known id in answers that did not come
    Told missing;               ///< the entity does not have them
    Told untold;                ///< stored, and FillerCalls::stored could not say so
    std::optional<Error> stopped;  ///< why not all were asked for
  };

  /// `batch`: keys in one request.
  Filler(FillerCalls calls, wire::IdForm form, std::uint32_t batch) : calls_(std::move(calls)), form_(form), batch_(batch) {}
  /// New keys.
  void fetch(std::uint32_t count);
  /// Those that the other site fetched.
  void fetch(const std::vector<std::string>& ids);
  [[nodiscard]] const Tally& tally() const { return tally_; }

 private:
  enum class Storing { well, doubtful, hopeless };
  void fetch_named(std::vector<std::string> ids);
  void store(etsi014::KeyContainer delivered);

  FillerCalls calls_;
  wire::IdForm form_;
  std::uint32_t batch_;
  Storing storing_ = Storing::well;
  Tally tally_;
};

}  // namespace tlspool::qkd
