// SPDX-License-Identifier: Apache-2.0
// The messages between the processes, and between the command and the keeper: the first byte picks one, the rest is its body. What decodes must encode
// to something that decodes to the same again.
#include <cstdlib>

#include "wire/ipc.h"
#include "wire/key_admin.h"
#include "wire/policy.h"

using namespace tlspool;

namespace {

template <class Message>
void round_trip(ByteView body) {
  auto message = wire::decode<Message>(body);
  if (!message) return;
  const Bytes once = wire::encode(*message);
  auto again = wire::decode<Message>(once);
  if (!again || wire::encode(*again) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView body{data + 1, size - 1};
  switch (data[0] % 44) {
    case 0: round_trip<wire::SignRequest>(body); break;
    case 1: round_trip<wire::SignReply>(body); break;
    case 2: round_trip<wire::ChainQuery>(body); break;
    case 3: round_trip<wire::ChainVerdict>(body); break;
    case 4: round_trip<wire::WorkerSetup>(body); break;
    case 5: round_trip<wire::KeeperSetup>(body); break;
    case 6: round_trip<wire::KeeperReport>(body); break;
    case 7: round_trip<wire::SessionList>(body); break;
    case 8: round_trip<wire::Adopt>(body); break;
    case 9: round_trip<wire::Counters>(body); break;
    case 10: round_trip<wire::KeyRequest>(body); break;
    case 11: round_trip<wire::KeyAnswer>(body); break;
    case 12: round_trip<wire::KeySettle>(body); break;
    case 13: round_trip<wire::KeySettled>(body); break;
    case 14: round_trip<wire::FetcherSetup>(body); break;
    case 15: round_trip<wire::FetchRequest>(body); break;
    case 16: round_trip<wire::FetchAnswer>(body); break;
    case 17: round_trip<wire::PskAdd>(body); break;
    case 18: round_trip<wire::PskListed>(body); break;
    case 19: round_trip<wire::Deposit>(body); break;
    case 20: round_trip<wire::Withdraw>(body); break;
    case 21: round_trip<wire::Audited>(body); break;
    case 22: round_trip<wire::PolicySetup>(body); break;
    case 23: round_trip<wire::CacheSetup>(body); break;
    case 24: round_trip<wire::SharedBlob>(body); break;
    case 25: round_trip<wire::OutcomeCounters>(body); break;
    case 26: round_trip<wire::LogSetup>(body); break;
    case 27: round_trip<wire::SignChannel>(body); break;
    case 28: round_trip<wire::KeyChannel>(body); break;
    case 29: round_trip<wire::PinEntry>(body); break;
    case 30: round_trip<wire::ExecutableQuery>(body); break;
    case 31: round_trip<wire::ExecutableAnswer>(body); break;
    case 32: round_trip<wire::JudgeReady>(body); break;
    case 33: round_trip<wire::JudgeTables>(body); break;
    case 34: round_trip<wire::JudgeSetup>(body); break;
    case 35: round_trip<wire::Staple>(body); break;
    case 36: round_trip<wire::OwnCertificates>(body); break;
    case 37: round_trip<wire::JudgeAdmin>(body); break;
    case 38: round_trip<wire::JudgeAdminAnswer>(body); break;
    case 39: round_trip<wire::HookEnd>(body); break;
    case 40: round_trip<wire::HookFailed>(body); break;
    case 41: round_trip<wire::EndSessions>(body); break;
    case 42: round_trip<wire::SessionsEnded>(body); break;
    case 43: round_trip<wire::Proof>(body); break;
  }
  return 0;
}
