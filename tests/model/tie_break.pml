// SPDX-License-Identifier: Apache-2.0
// The tie-break of docs/p2p-tls.md: two sides with every set of roles, every moment to speak and every value.
// run.sh says how it is run, and which mutation must break it.
//
// TLS is taken to be what it promises: the flight of a server or of a client binds the ClientHello that was answered, the
// proof and the identities; nobody else can make or change one. A ClientHello alone proves nothing.
//
//   -DATTACK   somebody in the middle sends each side whatever he likes, as often and in whatever order: any hello, and all
//              flights that either side has sent so far. What he never sends is what he drops.
//   -DCROSS    both ends are connections of one identity, which somebody has wired together
// Mutations: NO_PROOF, ANY_PROOF_WITHOUT_HELLO, EQUAL_GOES_ON, SENT_IS_FORGOTTEN, NO_OWN_CHECK, ONES_ARE_ANSWERED.

#ifndef BITS
#define BITS 3
#endif
#define ZEROS 0                   // client only
#define ONES ((1 << BITS) - 1)    // server only, or no ClientHello sent
#define NONE (ONES + 1)           // no extension
#define NO_HELLO (ONES + 2)       // no ClientHello came

mtype = { hello, server_flight, client_flight, alert }
mtype = { undecided, client, server }
mtype = { open, established, refused }

bool may_client[2], may_server[2], speaks[2];
bool plain[2];                // knows nothing of peers
byte own[2];                  // the value in its hello
bool sent[2];                 // that hello
byte seen[2] = NO_HELLO;      // the value in the hello that reached it
byte answered[2] = NO_HELLO;  // server: the value in the hello that it answered
mtype role[2] = undecided;
mtype state[2] = open;
bool over = false;

#ifdef CROSS
#define IDENTITY(side) 0
#else
#define IDENTITY(side) side
#endif

// Messages: what it is, value and sender of the ClientHello, the proof, who proves an identity.
#ifdef ATTACK
typedef flight { mtype what; byte value, from, proof, who };
flight flights[4];

inline send(w, v, f, p, i) {
  if
  :: w == server_flight || w == client_flight ->
    flights[sent_flights].what = w;
    flights[sent_flights].value = v;
    flights[sent_flights].from = f;
    flights[sent_flights].proof = p;
    flights[sent_flights].who = i;
    sent_flights++
  :: else
  fi
}
byte sent_flights = 0;

// Comes from whoever is in the middle.
inline receive() {
  if
  :: true -> what = hello; any_value(); any_sender()
  :: sent_flights > 0 -> again(0)
  :: sent_flights > 1 -> again(1)
  :: sent_flights > 2 -> again(2)
  :: sent_flights > 3 -> again(3)
  fi
}
inline any_value() {
  if
  :: value = ZEROS
  :: value = 1
  :: value = 2
  :: value = 3
#if BITS == 3
  :: value = 4
  :: value = 5
  :: value = 6
  :: value = 7
#endif
  :: value = NONE
  fi
}
inline any_sender() {
  if
  :: from = 0
  :: from = 1
  :: from = 2
  fi
}
inline again(i) {
  what = flights[i].what;
  value = flights[i].value;
  from = flights[i].from;
  proof = flights[i].proof;
  who = flights[i].who
}
#else
chan to[2] = [4] of { mtype, byte, byte, byte, byte };
#define send(w, v, f, p, i) to[1 - me]!w(v, f, p, i)
#define receive() to[me]?what(value, from, proof, who)
#endif

#define BOTH(s) (state[0] == s && state[1] == s)
#define IS(a, b) (role[0] == a && role[1] == b)
#define CLIENT (role[0] == client -> 0 : 1)
#define SERVER (1 - CLIENT)
#define SHOWN(i) (sent[i] -> own[i] : ONES)               // the value in its hello, or that it sent none
#define NOTED(i) (seen[i] == NO_HELLO -> ONES : seen[i])  // what the other side noted of it

// What must hold, whoever is in the middle.
inline establish() {
  state[me] = established;
  // Never two clients, two servers, or somebody who talks to himself.
  assert(IS(client, server) || IS(server, client));
  // One's own other connection is no peer.
  assert(IDENTITY(0) != IDENTITY(1));
  // Nobody has touched a hello, neither the one that was answered nor the one that was discarded.
  assert(answered[SERVER] == own[CLIENT]);
  assert(plain[0] || NOTED(CLIENT) == SHOWN(SERVER))
}

inline refuse() {
  state[me] = refused;
  send(alert, 0, 0, 0, 0);
  goto done
}

inline say_hello() {
  sent[me] = true;
  send(hello, own[me], me, 0, 0)
}

// Anything but what is waited for ends it.
inline unexpected() {
  if
  :: what == alert -> state[me] = refused; goto done
  :: else -> refuse()
  fi
}

// Whether the client finds the proof in the server's flight right.
#ifdef NO_PROOF
#define PROVED true
#else
#ifdef ANY_PROOF_WITHOUT_HELLO
#define PROVED (seen[me] == NO_HELLO || proof == seen[me])
#else
#define PROVED (plain[me] -> proof == NONE : (seen[me] == NO_HELLO -> proof == NONE || proof == ONES : proof == seen[me]))
#endif
#endif

#ifdef NO_OWN_CHECK
#define OTHERS(identity) true
#else
#define OTHERS(identity) (identity != IDENTITY(me))
#endif

proctype side(byte me) {
  mtype what;
  byte value, from, proof, who;
  byte hello_value, hello_from, mine;  // server: what it answered, and the proof that it gave

end_before:  // waits for ever, as far as this model goes; a deadline ends it
  do
  :: !sent[me] && speaks[me] -> atomic { say_hello() }
  :: atomic { receive();
      if
      :: what == hello -> seen[me] = value; break
      :: what == server_flight && sent[me] && may_client[me] -> role[me] = client; goto check
      :: else -> unexpected()
      fi }
  od;

  atomic {
    if
    :: plain[me] && may_client[me] -> refuse()
    :: plain[me] && may_server[me] -> goto answer
    :: !plain[me] && !sent[me] ->
      if
#ifdef ONES_ARE_ANSWERED
      :: may_server[me] -> goto answer
#else
      :: may_server[me] && value != ONES -> goto answer
      :: !may_client[me] && value == ONES -> refuse()
#endif
      :: !may_server[me] && (value == NONE || value == ZEROS) -> refuse()
      :: else -> say_hello(); role[me] = client
      fi
    :: !plain[me] && sent[me] && value == NONE -> refuse()
    :: !plain[me] && sent[me] && value != NONE && own[me] < value -> role[me] = client
    :: !plain[me] && sent[me] && value != NONE && own[me] > value -> goto answer
    :: !plain[me] && sent[me] && own[me] == value ->
#ifdef EQUAL_GOES_ON
      role[me] = client
#else
      refuse()
#endif
    fi;
    value = 0; from = 0; proof = 0; who = 0
  }

end_client:
  atomic { receive();
    if
    :: what == server_flight
    :: else -> unexpected()
    fi }
check: atomic {
    if
    :: value == own[me] && from == me && PROVED && OTHERS(who) ->
      send(client_flight, value, from, proof, IDENTITY(me));
      establish()
    :: else -> refuse()
    fi;
    goto done }

answer: atomic {
    role[me] = server;
    answered[me] = value;
    hello_value = value;
    hello_from = from;
    mine = (plain[me] || value == NONE -> NONE : SHOWN(me));
#ifdef SENT_IS_FORGOTTEN
    mine = (value == NONE -> NONE : ONES);
#endif
    send(server_flight, value, from, mine, IDENTITY(me)) }
end_server:
  atomic { receive();
    if
    :: what == client_flight && value == hello_value && from == hello_from && proof == mine && OTHERS(who) -> establish()
    :: else -> unexpected()
    fi }
done: atomic { what = 0; value = 0; from = 0; proof = 0; who = 0; hello_value = 0; hello_from = 0; mine = 0 }
}

// What a side may be, when it speaks, and its value. Whoever can be a client only always speaks; side 0 may be plain TLS.
inline choose(i) {
  if
  :: may_client[i] = true
  :: may_server[i] = true
  :: may_client[i] = true; may_server[i] = true
  fi;
  if
  :: plain[i] = false
  :: i == 0 && !(may_client[i] && may_server[i]) -> plain[i] = true
  fi;
  if
  :: !(plain[i] && may_server[i]) -> speaks[i] = true
  :: may_server[i] -> speaks[i] = false
  fi;
  if
  :: plain[i] -> own[i] = NONE
  :: !plain[i] && !may_server[i] -> own[i] = ZEROS
  :: !plain[i] && !may_client[i] -> own[i] = ONES
  :: else -> select(random : ZEROS + 1 .. ONES - 1); own[i] = random; random = 0
  fi
}

#define ONE_OF_EACH ((may_client[0] || may_client[1]) && (may_server[0] || may_server[1]))
#define SAME_VALUE (sent[0] && sent[1] && own[0] == own[1])

init {
  byte random;
  atomic {
    choose(0);
    choose(1);
    run side(0);
    run side(1)
  }
  timeout -> atomic {
    over = true;
#if !defined(ATTACK) && !defined(CROSS)
    // What must come of it where nobody is in the middle.
    if
    :: !plain[0] && (speaks[0] || speaks[1]) && ONE_OF_EACH && !SAME_VALUE -> assert(BOTH(established))
    :: !plain[0] && (speaks[0] || speaks[1]) && !(ONE_OF_EACH && !SAME_VALUE) -> assert(BOTH(refused))
    // A plain server may be sent a hello, a plain client must be waited for.
    :: plain[0] && may_server[0] && speaks[1] && may_client[1] -> assert(BOTH(established))
    :: plain[0] && may_client[0] && !speaks[1] -> assert(BOTH(established))
    :: else
    fi
#endif
  }
}

ltl ends { <> over }
