// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "etsi014/messages.h"

namespace tlspool::etsi014 {

std::string to_text(const Status& status) {
  wire::Value out;
  out.set("source_KME_ID", status.source_kme);
  out.set("target_KME_ID", status.target_kme);
  out.set("master_SAE_ID", status.master_sae);
  out.set("slave_SAE_ID", status.slave_sae);
  out.set("key_size", status.key_size);
  out.set("stored_key_count", status.stored_key_count);
  out.set("max_key_count", status.max_key_count);
  out.set("max_key_per_request", status.max_key_per_request);
  out.set("max_key_size", status.max_key_size);
  out.set("min_key_size", status.min_key_size);
  out.set("max_SAE_ID_count", status.max_sae_id_count);
  return wire::to_json(out);
}

std::string to_text(const KeyRequest& request) {
  wire::Value out = wire::Value::object();
  if (request.number != 1) out.set("number", request.number);
  if (request.size != 0) out.set("size", request.size);
  if (!request.additional_slaves.empty()) {
    wire::Value list = wire::Value::array();
    for (const std::string& sae : request.additional_slaves) list.push(sae);
    out.set("additional_slave_SAE_IDs", std::move(list));
  }
  if (!request.mandatory.empty()) out.set("extension_mandatory", request.mandatory);
  if (!request.optional.empty()) out.set("extension_optional", request.optional);
  return wire::to_json(out);
}

// Written by hand: a wire::Value would leave copies of the keys behind.
std::string to_text(const KeyContainer& container) {
  constexpr std::string_view begin = R"({"key_ID":")";
  constexpr std::string_view middle = R"(","key":")";
  constexpr std::string_view end = R"("})";
  std::size_t size = 16;
  for (const Key& key : container.keys) {
    size += begin.size() + key.id.size() + middle.size() + (key.value.size() + 2) / 3 * 4 + end.size() + 1;
  }
  std::string out;
  out.reserve(size);  // a string that grew would leave its old memory behind, too
  out += R"({"keys":[)";
  for (const Key& key : container.keys) {
    if (&key != &container.keys.front()) out += ',';
    std::string value = base64(key.value.bytes());
    out.append(begin).append(key.id).append(middle).append(value).append(end);
    wipe(value.data(), value.size());
  }
  out += "]}";
  return out;
}

std::string to_text(const ErrorMessage& error) {
  wire::Value out;
  out.set("message", error.message);
  if (!error.details.empty()) {
    wire::Value list = wire::Value::array();
    for (const std::string& detail : error.details) {
      wire::Value item;
      item.set("detail", detail);
      list.push(std::move(item));
    }
    out.set("details", std::move(list));
  }
  return wire::to_json(out);
}

std::string key_ids_text(const std::vector<std::string>& ids) {
  wire::Value list = wire::Value::array();
  for (const std::string& id : ids) {
    wire::Value item;
    item.set("key_ID", id);
    list.push(std::move(item));
  }
  wire::Value out;
  out.set("key_IDs", std::move(list));
  return wire::to_json(out);
}

}  // namespace tlspool::etsi014
