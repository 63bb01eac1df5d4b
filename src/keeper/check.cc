// SPDX-License-Identifier: Apache-2.0
#include "keeper/check.h"

#include "keeper/key_match.h"
#include "keeper/open_token.h"
#include "keeper/pin.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

/// Collects steps; each names what it is about to try before it tries.
class Report {
 public:
  void passed(std::string what, std::string call, std::string detail) {
    out_.steps.push_back({std::move(what), call, call.starts_with("C_") ? "CKR_OK" : "ok", std::move(detail),
                          wire::StepOutcome::passed, {}});
  }
  /// The call and its result are those of the error, which knows best.
  void failed(std::string what, const Error& e) {
    out_.passed = false;
    out_.steps.push_back({std::move(what), e.operation, e.reason, {}, wire::StepOutcome::failed, wire::failure_of(e)});
  }
  void skipped(std::string what, std::string call, std::string why) {
    out_.steps.push_back({std::move(what), std::move(call), {}, std::move(why), wire::StepOutcome::skipped, {}});
  }
  wire::Checked take() { return std::move(out_); }

 private:
  wire::Checked out_{true, {}};
};

struct Open {
  Module* module = nullptr;
  Slot slot;
  Session session;
  Secret pin;
};

std::string version_text(const CK_VERSION& v) { return std::to_string(v.major) + "." + std::to_string(v.minor); }

bool check_module(Report& report, Modules& modules, const wire::TokenSetup& setup, Open& open) {
  auto module = modules.get(setup.module);
  if (!module) {
    report.failed("load the module", module.error());
    return false;
  }
  open.module = *module;
  CK_INFO info{};
  const CK_RV rv = (*open.module)->C_GetInfo(&info);
  if (rv != CKR_OK) {
    report.failed("ask the module", call_error("C_GetInfo", rv, "module=" + setup.module));
    return false;
  }
  report.passed("load the module", "C_Initialize",
                setup.module + ": " + padded_text({info.libraryDescription, sizeof info.libraryDescription}) + " " +
                    version_text(info.libraryVersion) + ", PKCS#11 " + version_text(info.cryptokiVersion));
  return true;
}

bool check_slot(Report& report, const wire::TokenSetup& setup, Open& open) {
  auto uri = Uri::parse(setup.uri);
  Result<Slot> slot = uri ? find_token(*open.module, *uri) : Result<Slot>(fail(uri.error()));
  if (!slot) {
    report.failed("find the token", slot.error());
    return false;
  }
  open.slot = *slot;
  report.passed("find the token", "C_GetTokenInfo",
                slot->label() + ", " + slot->model() + ", serial number " + slot->serial());
  auto session = Session::open(*open.module, slot->id, SessionUse::read_only, "token=" + setup.name);
  if (!session) {
    report.failed("open a session", session.error());
    return false;
  }
  open.session = std::move(*session);
  report.passed("open a session", "C_OpenSession", {});
  return true;
}

bool check_login(Report& report, const wire::TokenSetup& setup, Open& open) {
  if ((open.slot.info.flags & CKF_LOGIN_REQUIRED) == 0) {
    report.skipped("log in", "C_Login", "the token wants no PIN");
    return true;
  }
  auto pin = configured_pin(setup, working_directory());
  if (!pin) {
    report.failed("read the PIN", pin.error());
    return false;
  }
  if (!pin->has_value()) {
    report.skipped("log in", "C_Login", "no PIN file is configured; `tlspool pin` gives the PIN to the running pool");
    return false;
  }
  report.passed("read the PIN", "open", setup.pin_file.empty() ? setup.pin_credential : setup.pin_file);
  if (auto done = log_in_once(open.session, open.slot, **pin); !done) {
    report.failed("log in", done.error());
    return false;
  }
  open.pin = std::move(**pin);
  report.passed("log in", "C_Login", {});
  return true;
}

void check_mechanisms(Report& report, const Open& open) {
  struct Wanted {
    CK_MECHANISM_TYPE type;
    const char* name;
  };
  std::string there;
  std::string missing;
  for (const Wanted& wanted : {Wanted{CKM_ECDSA, "CKM_ECDSA"}, Wanted{CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS"},
                               Wanted{CKM_RSA_PKCS, "CKM_RSA_PKCS"}, Wanted{CKM_EDDSA, "CKM_EDDSA"}}) {
    CK_MECHANISM_INFO info{};
    const bool has = (*open.module)->C_GetMechanismInfo(open.slot.id, wanted.type, &info) == CKR_OK &&
                     (info.flags & CKF_SIGN) != 0;
    std::string& list = has ? there : missing;
    list += (list.empty() ? "" : ", ") + std::string(wanted.name);
  }
  report.passed("ask for mechanisms", "C_GetMechanismInfo", there + (missing.empty() ? "" : "; not there: " + missing));
}

Result<std::string> check_key(const Open& open, const wire::KeySetup& setup) {
  auto uri = Uri::parse(setup.uri);
  if (!uri) return fail(std::move(uri.error()));
  auto handle = find_private_key(open.session, open.slot, *uri);
  if (!handle) return fail(std::move(handle.error()));
  auto key = read_private_key(open.session, *handle);
  if (!key) return fail(std::move(key.error()));
  std::string detail = setup.identity + ": " + key_type_text(key->type, key->bits);
  Bytes leaf = setup.leaf;
  if (!setup.chain_uri.empty()) {
    auto chain_uri = Uri::parse(setup.chain_uri);
    if (!chain_uri) return fail(std::move(chain_uri.error()));
    auto chain = read_chain(open.session, *chain_uri, *key);
    if (!chain) return fail(std::move(chain.error()));
    leaf = chain->front();
  }
  if (!leaf.empty()) {
    if (auto done = match_key(open.session, *key, leaf, open.pin, setup.uri); !done) return fail(std::move(done.error()));
    detail += ", its certificate matches";
  }
  if (key->public_key) {
    if (auto done = prove_key(open.session, *key, key->public_key.get(), open.pin); !done) {
      return fail(std::move(done.error()));
    }
    detail += ", it signs";
  }
  return detail;
}

}  // namespace

wire::Checked check_token(Modules& modules, const wire::CheckToken& request) {
  Report report;
  Open open;
  if (!check_module(report, modules, request.token, open) || !check_slot(report, request.token, open)) {
    report.skipped("log in", "C_Login", "an earlier step failed");
    return report.take();
  }
  check_mechanisms(report, open);
  const bool in = check_login(report, request.token, open);
  for (const wire::KeySetup& key : request.keys) {
    const std::string what = "use the key " + key.uri;
    if (!in) {
      report.skipped(what, "C_Sign", "not logged in");
    } else if (auto detail = check_key(open, key)) {
      report.passed(what, "C_Sign", *detail);
    } else {
      report.failed(what, detail.error());
    }
  }
  return report.take();
}

}  // namespace tlspool::keeper
