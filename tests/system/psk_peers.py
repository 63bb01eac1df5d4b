# SPDX-License-Identifier: Apache-2.0
"""Our pool beside the programs of tests/peers: TLS stacks whose packages have no command for shared keys."""
import json

import tlspool
from pool import BUILD
from shared_keys import INCOMING, OUTGOING, give, identity, make_site, own_identity
from talk import OurServer, Process, our_client, read_line, refusal

PACKAGES = {"boringssl": "android-libboringssl-dev", "wolfssl": "libwolfssl-dev", "mbedtls": "libmbedtls-dev"}


def exchange(name, sha="sha384", version="1.2"):
    """Lines of a [[peer]]."""
    lines = [f'version = "{version}"', f'hash = "{sha}"']
    if version == "1.2":
        lines.append(f'exchange = "{name}"')
        if name == "none":
            lines.append("forward_secrecy = false")
    return "\n".join(lines)


def _start(stack, key, *arguments):
    program = BUILD / "bin" / f"psk-{stack}"
    assert program.exists(), f"{program} was not built: install {PACKAGES[stack]} (packages.txt), run cmake and ninja again"
    process = Process(program, *arguments)
    process.say(key + "\n")
    return process


def peer_client(stack, port, name, key, suite):
    return _start(stack, key, "client", port, name, suite)


def peer_server(stack, name, key, suite, *hint):
    server = _start(stack, key, "server", name, suite, *hint)
    server.port = int(server.wait_for(r"listening (\d+)\n").group(1))
    return server


def agreed(process):
    """What the program says of its connection."""
    return json.loads(process.wait_for(r'\{"version".*\}').group())


def served(pool, stack, suite, key, name=None):
    """Our server with a client of the stack, both ways of the stream; our facts and what the client says."""
    with OurServer(tlspool, pool=pool.directory) as server:
        with peer_client(stack, server.port, name or identity(INCOMING), key, suite) as client, server.plain() as plain:
            client.say("question\n")
            assert read_line(plain) == b"question\n"
            plain.sendall(b"answer\n")
            client.wait_for("answer\n")
            client.end_input()
            assert plain.recv(1) == b""
            said, facts = agreed(client), plain.session
            assert client.status() == 0, client.text
    return facts, said


def connected(pool, stack, suite, key, *hint, name=None):
    """Our client with a server of the stack; our facts and what the server says."""
    with peer_server(stack, name or own_identity(OUTGOING), key, suite, *hint) as server:
        with our_client(tlspool, server.port, "b.example", pool=pool.directory) as plain:
            plain.sendall(b"question\n")
            assert read_line(plain) == b"question\n"
            facts = plain.session
        assert server.status() == 0, server.text
        return facts, agreed(server)


def check_not_there(stack, suite):
    """That the stack does not have this suite: docs/interop.md says so."""
    with peer_client(stack, 1, identity(INCOMING), "00" * 32, suite) as client:
        assert client.status() == 1 and "failed: suite" in client.text, client.text


def check_both_roles(make_pool, stack, lines, suite, iana, hint=()):
    """The pool as server and as client; what the client of the stack saw."""
    pool = make_site(make_pool, lines)
    keys = give(pool, INCOMING, OUTGOING)
    facts, seen = served(pool, stack, suite, keys[INCOMING])
    assert (facts.remote_identity, facts.verified_by, facts.cipher_suite) == ("b.example", "sharedKey", iana)
    assert seen["identity"] == identity(INCOMING) and seen["suite"], seen
    facts, said = connected(pool, stack, suite, keys[OUTGOING], *hint)
    assert (facts.remote_identity, facts.verified_by, facts.cipher_suite) == ("b.example", "sharedKey", iana)
    assert said["identity"] == own_identity(OUTGOING), said
    return seen


def long_site(make_pool, lines, size):
    """A site both of whose addresses make identities of this many bytes, and the texts of the keys of the two directions."""
    text = "k" * 63
    address = "." + "x" * (size - len(identity(text + "0", "a.")))
    own, store = "a" + address, "b" + address
    assert len(identity(text + "0", own)) == len(identity(text + "1", store)) == size
    pool = make_site(make_pool, f'{lines}\nid = "text"\n', own=own, store=store)
    outgoing, incoming = text + "0", text + "1"  # ASCII: the last bit is that of the digit
    return pool, give(pool, outgoing, incoming), (outgoing, identity(outgoing, own)), (incoming, identity(incoming, store))


def check_longest_identity(make_pool, stack, lines, suite):
    """128 bytes, the longest that we and most stacks take, in both roles."""
    pool, keys, (outgoing, ours), (incoming, theirs) = long_site(make_pool, lines, 128)
    assert served(pool, stack, suite, keys[incoming], theirs)[1]["identity"] == theirs
    assert connected(pool, stack, suite, keys[outgoing], name=ours)[1]["identity"] == ours


def check_names_the_key(failed):
    assert failed.reason == "sharedKey", str(failed)
    assert "different keys" in str(failed) and "tlspool qkd audit b.example" in str(failed), str(failed)


def refused_client(make_pool, stack, lines, suite):
    """What our server says of a client that has another key under the id."""
    pool = make_site(make_pool, lines)
    give(pool, INCOMING)
    with OurServer(tlspool, pool=pool.directory) as server, peer_client(stack, server.port, identity(INCOMING), "5a" * 32, suite) as client:
        failed = server.failure()
        assert client.status() == 1 and "failed: handshake" in client.text, client.text
    return failed


def refused_by_server(make_pool, stack, lines, suite):
    """What our client says of a server that has another key under the id, and what that server says."""
    pool = make_site(make_pool, lines)
    give(pool, OUTGOING)
    with peer_server(stack, own_identity(OUTGOING), "5a" * 32, suite) as server:
        failed = refusal(tlspool, server.port, "b.example", pool=pool.directory)
        assert server.status() == 1 and "failed: handshake" in server.text, server.text
        return failed, server.text


def check_wrong_key(make_pool, stack, lines, suite):
    """Ours says that the keys differ, and how to find out; both roles."""
    check_names_the_key(refused_client(make_pool, stack, lines, suite))
    check_names_the_key(refused_by_server(make_pool, stack, lines, suite)[0])
