// SPDX-License-Identifier: Apache-2.0
// The configuration's [[policy]] tables as they go to the judge.
#pragma once
#include <cstdint>
#include <string>

#include "wire/codec.h"

namespace tlspool::wire {

/// A text and where it stands, so that a mistake in it can be named.
struct PlacedText {
  std::string text;           ///< empty: it is not there
  std::uint32_t line = 0;
  std::uint32_t column = 0;   ///< of its first character, from 1; 0: it is not written as it reads (escapes), only the line is known
};
template <class Io> void fields(Io& io, PlacedText& m) { io(m.text, m.line, m.column); }

/// One [[policy]]: which sessions it is for, and what must be shown of their peers.
struct PolicySetup {
  PlacedText local;    ///< selector of our identity
  PlacedText remote;   ///< selector of the peer's identity
  PlacedText service;
  PlacedText trust;    ///< expression
  std::string file;
  std::uint32_t line = 0;
};
template <class Io> void fields(Io& io, PolicySetup& m) { io(m.local, m.remote, m.service, m.trust, m.file, m.line); }

}  // namespace tlspool::wire
