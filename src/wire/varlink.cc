// SPDX-License-Identifier: Apache-2.0
#include "wire/varlink.h"

namespace tlspool::wire {
namespace {

Error malformed(std::string reason) { return {Code::protocol, "parse", "message", std::move(reason), {}}; }

Result<bool> flag_of(const Value& message, std::string_view name) {
  const Value* value = message.find(name);
  if (value == nullptr) return false;
  if (value->boolean() == nullptr) return fail(malformed(std::string(name) + " is not a boolean"));
  return *value->boolean();
}

Result<Value> parameters_of(Value& message) {
  Value parameters = message.take("parameters");
  if (parameters.is_null()) return Value::object();
  if (parameters.members() == nullptr) return fail(malformed("parameters is not an object"));
  return parameters;
}

Result<Value> parse_object(std::string_view text) {
  if (text.size() > max_message) return fail(malformed("longer than 256 KiB"));
  auto message = parse_json(text);
  if (message && message->members() == nullptr) return fail(malformed("not an object"));
  return message;
}

std::string with_parameters(std::string text, const Value& parameters) {
  text += "\"parameters\":";
  append_json(text, parameters);
  text += '}';
  text += '\0';
  return text;
}

}  // namespace

Result<Call> parse_call(std::string_view text) {
  auto message = parse_object(text);
  if (!message) return fail(std::move(message.error()));
  Call call;
  const std::string method = message->text("method");
  const auto dot = method.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == method.size()) {
    return fail(malformed("method is not INTERFACE.METHOD"));
  }
  call.interface = method.substr(0, dot);
  call.method = method.substr(dot + 1);
  auto parameters = parameters_of(*message);
  if (!parameters) return fail(std::move(parameters.error()));
  call.parameters = std::move(*parameters);
  const auto more = flag_of(*message, "more");
  const auto oneway = flag_of(*message, "oneway");
  const auto upgrade = flag_of(*message, "upgrade");
  for (const auto* flag : {&more, &oneway, &upgrade}) {
    if (!*flag) return fail(flag->error());
  }
  if (*upgrade) return fail(malformed("upgrade is for protocols that this service does not speak"));
  if (*more && *oneway) return fail(malformed("more and oneway exclude each other"));
  call.more = *more;
  call.oneway = *oneway;
  return call;
}

std::string reply_text(Value parameters, Reply reply) {
  return with_parameters(reply == Reply::continues ? "{\"continues\":true," : "{", parameters);
}

std::string error_text(std::string_view error, Value parameters) {
  std::string text = "{\"error\":";
  append_json(text, Value(error));
  text += ',';
  return with_parameters(std::move(text), parameters);
}

std::string call_text(std::string_view method, Value parameters, Replies replies) {
  std::string text = "{\"method\":";
  append_json(text, Value(method));
  text += replies == Replies::more ? ",\"more\":true," : ",";
  return with_parameters(std::move(text), parameters);
}

Result<Answer> parse_answer(std::string_view text) {
  auto message = parse_object(text);
  if (!message) return fail(std::move(message.error()));
  for (const auto& [name, value] : *message->members()) {
    if (name != "error" && name != "parameters" && name != "continues") {
      return fail(malformed("an answer with another member than error, parameters and continues"));
    }
  }
  Answer answer;
  if (const Value* error = message->find("error")) {
    if (error->string() == nullptr || error->string()->empty()) return fail(malformed("error is not a name"));
    answer.error = *error->string();
  }
  auto parameters = parameters_of(*message);
  if (!parameters) return fail(std::move(parameters.error()));
  answer.parameters = std::move(*parameters);
  const auto continues = flag_of(*message, "continues");
  if (!continues) return fail(continues.error());
  answer.continues = *continues;
  return answer;
}

UniqueFd take_descriptor(const Value& parameters, std::string_view member, std::vector<UniqueFd>& came) {
  const std::int64_t index = parameters.number(member, -1);
  if (index < 0 || static_cast<std::size_t>(index) >= came.size()) return {};
  return std::move(came[static_cast<std::size_t>(index)]);
}

}  // namespace tlspool::wire
