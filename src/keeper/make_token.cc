// SPDX-License-Identifier: Apache-2.0
#include "keeper/make_token.h"

#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/durable.h"
#include "base/text.h"
#include "keeper/environment.h"
#include "keeper/pin.h"

namespace tlspool::keeper {
namespace {

constexpr std::string_view softhsm_configuration =
    "# Written by TLS Pool: the tokens of this pool. Paths are relative to the keeper's directory.\n"
    "directories.tokendir = tokens\n"
    "objectstore.backend = file\n"
    "log.level = ERROR\n"
    "slots.removable = false\n";

Status prepare_softhsm() {
  if (mkdir("tokens", 0700) != 0 && errno != EEXIST) return fail(system_error("mkdir", "tokens", errno));
  if (access("softhsm2.conf", F_OK) != 0) {
    if (auto done = write_new("softhsm2.conf", view(softhsm_configuration), 0644); !done) return done;
  }
  use_own_softhsm();
  return {};
}

Result<Secret> random_pin() {
  constexpr std::size_t size = 16;
  Secret raw{size};
  if (RAND_bytes(raw.writable().data(), size) != 1) return fail({Code::internal, "RAND_bytes", "", "failed", {}});
  constexpr std::string_view digits = "0123456789abcdef";
  Secret out{2 * size};
  for (std::size_t i = 0; i < size; ++i) {
    out.writable()[2 * i] = static_cast<std::uint8_t>(digits[raw.bytes()[i] >> 4]);
    out.writable()[2 * i + 1] = static_cast<std::uint8_t>(digits[raw.bytes()[i] & 15]);
  }
  return out;
}

std::uint8_t* raw(const Secret& secret) { return const_cast<std::uint8_t*>(secret.bytes().data()); }

Status initialise(const Module& module, CK_SLOT_ID free_slot, const std::string& label, const Secret& pin) {
  const std::string subject = "token=" + label;
  auto officer = random_pin();
  if (!officer) return fail(std::move(officer.error()));
  std::array<std::uint8_t, 32> padded;
  padded.fill(' ');
  std::copy(label.begin(), label.end(), padded.begin());
  CK_RV rv = module->C_InitToken(free_slot, raw(*officer), officer->size(), padded.data());
  if (rv != CKR_OK) return fail(call_error("C_InitToken", rv, subject));
  // SoftHSM moves a new token to a slot of its own.
  auto uri = Uri::parse(token_uri(label));
  if (!uri) return fail(std::move(uri.error()));
  auto slot = find_token(module, *uri);
  if (!slot) return fail(std::move(slot.error()));
  auto session = Session::open(module, slot->id, SessionUse::read_write, subject);
  if (!session) return fail(std::move(session.error()));
  rv = module->C_Login(session->handle(), CKU_SO, raw(*officer), officer->size());
  if (rv != CKR_OK) return fail(call_error("C_Login", rv, subject));
  rv = module->C_InitPIN(session->handle(), raw(pin), pin.size());
  if (rv != CKR_OK) return fail(call_error("C_InitPIN", rv, subject));
  rv = module->C_Logout(session->handle());
  return rv == CKR_OK ? Status{} : fail(call_error("C_Logout", rv, subject));
}

Result<CK_SLOT_ID> free_slot(const Module& module) {
  CK_ULONG count = 0;
  CK_RV rv = module->C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> ids(rv == CKR_OK ? count : 0);
  if (rv == CKR_OK) rv = module->C_GetSlotList(CK_TRUE, ids.data(), &count);
  if (rv != CKR_OK) return fail(call_error("C_GetSlotList", rv, "module=" + module.path()));
  for (const CK_SLOT_ID id : ids) {
    CK_TOKEN_INFO info{};
    if (module->C_GetTokenInfo(id, &info) == CKR_OK && (info.flags & CKF_TOKEN_INITIALIZED) == 0) return id;
  }
  return fail({Code::token_missing, "C_GetSlotList", "module=" + module.path(), "there is no slot for a new token", {}});
}

}  // namespace

Result<wire::TokenMade> make_token(Modules& modules, const wire::MakeToken& request) {
  if (request.label.empty() || request.label.size() > 32) {
    return fail({Code::invalid, "make token", printable(request.label), "a label has 1 to 32 bytes", {}});
  }
  if (auto done = prepare_softhsm(); !done) return fail(std::move(done.error()));
  auto module = modules.get(request.module);
  if (!module) return fail(std::move(module.error()));
  auto uri = Uri::parse(token_uri(request.label));
  if (!uri) return fail(std::move(uri.error()));
  wire::TokenMade out{token_uri(request.label), false};
  if (auto there = find_token(**module, *uri); there || there.error().code == Code::config) {
    const wire::TokenSetup setup{request.label, request.module, out.uri, request.pin_file, {}, 1};
    auto opened = open_token(modules, setup);
    if (!opened) return fail(std::move(opened.error()));
    out.existed = true;
    return out;
  }
  // A PIN file that is there without its token, after a failed start, is as good as a new one.
  Result<Secret> pin = read_pin_file(request.pin_file);
  if (!pin && pin.error().code == Code::not_found) {
    pin = random_pin();
    if (!pin) return fail(std::move(pin.error()));
    if (auto done = write_new(request.pin_file, pin->bytes(), 0600); !done) return fail(std::move(done.error()));
  }
  if (!pin) return fail(std::move(pin.error()));
  auto slot = free_slot(**module);
  if (!slot) return fail(std::move(slot.error()));
  if (auto done = initialise(**module, *slot, request.label, *pin); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace tlspool::keeper
