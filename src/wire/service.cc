// SPDX-License-Identifier: Apache-2.0
#include "wire/varlink.h"

namespace tlspool::wire {
namespace {

std::string service_error(std::string_view error, std::string parameter, Value value) {
  return error_text("org.varlink.service." + std::string(error),
                    Value::object().set(std::move(parameter), std::move(value)));
}

std::string answer_service(const Call& call, const Interface& offered, std::string_view version) {
  const Interface& service = service_interface();
  if (!service.has_method(call.method)) {
    return service_error("MethodNotFound", "method", call.interface + "." + call.method);
  }
  if (auto fits = service.check_call(call.method, call.parameters); !fits) {
    return service_error("InvalidParameter", "parameter", fits.error().subject);
  }
  if (call.method == "GetInfo") {
    return reply_text(Value::object()
                          .set("vendor", "TLS Pool")
                          .set("product", "TLS Pool")
                          .set("version", version)
                          .set("url", "https://tlspool.io/")
                          .set("interfaces", Value::array().push(service.name()).push(offered.name())));
  }
  const std::string wanted = call.parameters.text("interface");
  for (const Interface* interface : {&service, &offered}) {
    if (interface->name() == wanted) return reply_text(Value::object().set("description", interface->text()));
  }
  return service_error("InterfaceNotFound", "interface", wanted);
}

}  // namespace

std::optional<std::string> answer_common(const Call& call, const Interface& offered, std::string_view version) {
  if (call.interface == service_interface().name()) return answer_service(call, offered, version);
  if (call.interface != offered.name()) return service_error("InterfaceNotFound", "interface", call.interface);
  if (!offered.has_method(call.method)) {
    return service_error("MethodNotFound", "method", call.interface + "." + call.method);
  }
  if (auto fits = offered.check_call(call.method, call.parameters); !fits) {
    return service_error("InvalidParameter", "parameter", fits.error().subject);
  }
  return std::nullopt;
}

}  // namespace tlspool::wire
