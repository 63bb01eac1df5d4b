// SPDX-License-Identifier: Apache-2.0
// The JSON of ETSI GS QKD 014 V1.1.1 (2019-02), both ways. Pure. Section numbers below are that document's.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "wire/json.h"

namespace tlspool::etsi014 {

/// A body, in either direction, is at most this long.
inline constexpr std::size_t longest_body = 1 << 20;
/// Nobody asks for more keys at once, or for longer ones, whatever an entity would give.
inline constexpr std::uint32_t most_keys = 1024;
inline constexpr std::uint32_t largest_key_bits = 65536;
inline constexpr std::size_t longest_sae = 256;

// Messages of status 400 that the standard fixes (table 11 and sections 5.4, 6.3).
inline constexpr std::string_view bad_size = "size shall be a multiple of 8";
inline constexpr std::string_view unknown_mandatory = "not all extension_mandatory parameters are supported";
inline constexpr std::string_view unmet_mandatory = "not all extension_mandatory request options could be met";
inline constexpr std::string_view unknown_keys = "one or more keys specified are not found on KME";
/// Of status 503, ours: the standard leaves it open. problem_of() knows it and what others say instead.
inline constexpr std::string_view no_keys = "not enough keys are stored for this pair of SAEs";

/// Section 6.1.
struct Status {
  std::string source_kme;
  std::string target_kme;
  std::string master_sae;
  std::string slave_sae;
  std::int64_t key_size = 0;  ///< bits of a key, where a request names no size
  std::int64_t stored_key_count = 0;
  std::int64_t max_key_count = 0;
  std::int64_t max_key_per_request = 0;
  std::int64_t max_key_size = 0;
  std::int64_t min_key_size = 0;
  std::int64_t max_sae_id_count = 0;
};

/// Section 6.2.
struct KeyRequest {
  std::uint32_t number = 1;
  std::uint32_t size = 0;  ///< bits; 0: the entity's key_size
  std::vector<std::string> additional_slaves;
  wire::Value::Array mandatory;  ///< extension_mandatory: objects
  wire::Value::Array optional;   ///< extension_optional: objects
};

struct Key {
  std::string id;  ///< UUID in lower case
  Secret value;
};

/// Section 6.3. An entity forgets a key when it has delivered it: so what is good of an answer is kept, and the
/// rest is told.
struct KeyContainer {
  std::vector<Key> keys;
  std::vector<std::string> problems;  ///< "key_ID ...: what is wrong with it"; ids, never a key
};

/// Section 6.5.
struct ErrorMessage {
  std::string message;
  std::vector<std::string> details;  ///< each as text: `"name": value` of one object
};

/// What an answer must be.
struct Expected {
  std::uint32_t number = 1;
  std::uint32_t bits = 0;        ///< 0: the entity's choice, at least 128 bits and the same for all
  std::vector<std::string> ids;  ///< dec_keys: exactly these; empty: enc_keys
};

// --- parsing; Code::protocol, the subject is the message's name, the reason names the member ---------------

[[nodiscard]] Result<Status> parse_status(std::string_view text);
/// Fails where nothing of it can be used; the reason is then the first of the problems.
[[nodiscard]] Result<KeyContainer> parse_keys(std::string_view text, const Expected& expected);
[[nodiscard]] Result<ErrorMessage> parse_error(std::string_view text);
/// For a key management entity: bounds are the entity's to check.
[[nodiscard]] Result<KeyRequest> parse_key_request(std::string_view text);
/// UUIDs in lower case, none twice.
[[nodiscard]] Result<std::vector<std::string>> parse_key_ids(std::string_view text);

// --- writing ------------------------------------------------------------------------------------------------

[[nodiscard]] std::string to_text(const Status& status);
/// Members that have their default are left out.
[[nodiscard]] std::string to_text(const KeyRequest& request);
/// The keys in the clear: wipe it after use.
[[nodiscard]] std::string to_text(const KeyContainer& container);
[[nodiscard]] std::string to_text(const ErrorMessage& error);
[[nodiscard]] std::string key_ids_text(const std::vector<std::string>& ids);

/// The form of RFC 4122, in lower case; empty where `text` is none.
[[nodiscard]] std::string normal_uuid(std::string_view text);
/// 1 to 256 bytes of visible ASCII: it goes into a path, percent-encoded.
[[nodiscard]] bool is_sae_id(std::string_view text);

// --- what went wrong ----------------------------------------------------------------------------------------

enum class Operation { status, enc_keys, dec_keys };

/// Code and words for an answer that is not 200: `denied` 401, `not_found` a key that the entity does not have,
/// `busy` it has no keys, `invalid` another 400, `config` 404, `io` the rest. `body` may be anything.
[[nodiscard]] Error refusal(Operation operation, int status, std::string_view body);

}  // namespace tlspool::etsi014
