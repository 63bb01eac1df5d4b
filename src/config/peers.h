// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// [keystore]: the address of our own key store.
void read_keystore(Section s, Config& config);
/// [[kme]]: a key management entity.
void read_kme(Section s, Config& config);
/// [[peer]]: connections that a shared key protects.
void read_peer(Section s, Config& config);
/// What can only be said once all files are read: references to tokens, entities and identities, names and stores that
/// are there twice. Fills in what a [[peer]] takes from elsewhere: the token, our own address.
[[nodiscard]] Status check_peers(Config& config);

}  // namespace tlspool::config
