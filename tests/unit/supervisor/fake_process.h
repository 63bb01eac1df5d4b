// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::supervisor {

/// What the test program does when the supervisor starts it as one of its processes: answers as a keeper, a
/// worker, a judge or a fetcher would, without tokens and without TLS.
int fake_process(const char* role, int channel);

}  // namespace tlspool::supervisor
