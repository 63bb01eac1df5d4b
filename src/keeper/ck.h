// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::keeper {

/// "CKR_PIN_INCORRECT"; "CKR_VENDOR_DEFINED+17" for a module's own.
[[nodiscard]] std::string return_value_name(CK_RV rv);

/// A PKCS#11 call that failed: operation = the call's name, reason = the return value's name. The code follows
/// from the return value: pin_rejected, token_locked, token_missing, else token_failed.
[[nodiscard]] Error call_error(std::string call, CK_RV rv, const std::string& subject);

/// The return value says that the session or the device is gone, so that only reopening can help.
[[nodiscard]] bool token_is_broken(CK_RV rv);

/// A PKCS#11 text field without the blanks that fill it.
[[nodiscard]] std::string padded_text(ByteView field);

}  // namespace tlspool::keeper
