#!/usr/bin/env python3
"""Writes metisdb_trie_table.h: roots and proofs by the independent package `trie`.

    pip install trie eth-hash[pycryptodome]
    python3 tests/unit/gen_metisdb_trie.py \
        | clang-format-14 --style=file:.clang-format > tests/unit/metisdb_trie_table.h

Keys share long prefixes and values are partly tiny, so that extensions, nodes within
their parents and collapses occur; the general cases have keys that begin other keys."""
import random

import rlp
from trie import HexaryTrie

rng = random.Random(8001)


def secure_key():
    # Two leading bytes out of few, then zeros, then one that differs: deep forks.
    return (bytes([rng.choice([0x11, 0x12, 0x21]), rng.choice([0, 1, 0x10, 0xff])])
            + bytes(14) + bytes([rng.randrange(4)])
            + bytes(14) + bytes([rng.randrange(3)]))


def general_key():
    return bytes(rng.choice([0x00, 0x01, 0x10, 0x61]) for _ in range(rng.randrange(1, 6)))


def value():
    n = rng.choice([1, 1, 2, 5, 20, 31, 32, 33, 60, 300])
    return bytes(rng.randrange(1, 256) for _ in range(n))


def run(name, key, steps):
    t, known = HexaryTrie({}), []
    print("static const struct trie_step %s[] = {" % name)
    for _ in range(steps):
        if known and rng.random() < 0.4:
            k = rng.choice(known)
            v = b"" if rng.random() < 0.75 else value()
        else:
            k, v = key(), value()
        t[k] = v
        known = [x for x in known if x != k] + ([k] if v else [])
        print('{"%s", "%s", "%s"},' % (k.hex(), v.hex(), t.root_hash.hex()))
    print("};")
    return t, known


def proofs(t, keys):
    print("static const struct trie_proof_case trie_proof_cases[] = {")
    for k in keys:
        nodes = [rlp.encode(n) for n in t.get_proof(k)]
        # py-trie lists nodes within their parents as well; they are not part of a proof.
        nodes = [n for i, n in enumerate(nodes) if i == 0 or len(n) >= 32]
        print('{"%s", %d, {%s}},' % (k.hex(), len(nodes),
                                     ",".join('"%s"' % n.hex() for n in nodes)))
    print("};")


def ordered_value(i):
    return bytes((7 * i + j) & 0xff for j in range(i % 50 + 1))


print("/* Written by gen_metisdb_trie.py. */")
tries = []
for n in range(4):
    tries.append(run("trie_secure_%d" % n, secure_key, 60))
for n in range(4):
    run("trie_general_%d" % n, general_key, 60)
t, known = tries[0]
proofs(t, known[:8] + [secure_key() for _ in range(4)] + [b"\x99" * 32, b"\x11" * 32])
print("static const struct { size_t num; const char *root; } trie_ordered[] = {")
for num in [0, 1, 2, 16, 127, 128, 129, 200, 255, 256, 257, 300]:
    t = HexaryTrie({})
    for i in range(num):
        t[rlp.encode(i)] = ordered_value(i)
    print('{%d, "%s"},' % (num, t.root_hash.hex()))
print("};")
