#!/usr/bin/env python3
"""Writes the seeds of the trie target into corpus/trie: nodes of tries made by py-trie,
root first, and operations on them (pip install trie eth-hash[pycryptodome])."""
import os
import random

from trie import HexaryTrie

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "trie")
rng = random.Random(5)


def key():
    return (bytes([rng.choice([0x11, 0x12, 0x21]), rng.choice([0, 1, 0x10])]) + bytes(29)
            + bytes([rng.randrange(3)]))


os.makedirs(HERE, exist_ok=True)
for n in (0, 1, 2, 5, 12, 30):
    t = HexaryTrie({}, prune=True)
    for _ in range(n):
        t[key()] = bytes(rng.randrange(1, 256) for _ in range(rng.choice([1, 5, 40])))
    nodes = [v for k, v in t.db.items() if k == t.root_hash]
    nodes += [v for k, v in t.db.items() if k != t.root_hash]
    nodes = nodes[:63] if n else []
    data = bytes([len(nodes)]) + b"".join(len(v).to_bytes(2, "big") + v for v in nodes)
    for _ in range(24):
        k = key()
        data += bytes([rng.randrange(5), k[0], k[1], k[31]])
    with open(os.path.join(HERE, "nodes-%02d" % n), "wb") as f:
        f.write(data)
