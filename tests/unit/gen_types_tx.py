#!/usr/bin/env python3
"""Writes types_tx_table.h: signed transactions of every type with hash, sender and signing
hash, made by eth_account and rlp (pip install eth-account rlp). Deterministic."""
import os
import random

import rlp
from eth_account import Account
from eth_utils import keccak

random.seed(20261124)
TO = b"\xde" * 20


def key(i):
    return keccak(b"metisd test key %d" % i)


def access(n):
    return [{"address": bytes([i + 1]) * 20,
             "storageKeys": ["0x" + ("%02x" % (16 + i + k)) * 32 for k in range(i)]}
            for i in range(n)]


def cases():
    yield "legacy", dict(nonce=0, gasPrice=1, gas=21000, to=TO, value=0, data=b"", chainId=1)
    yield "legacy_create", dict(nonce=127, gasPrice=10**18, gas=2**40, to="", value=128,
                                data=b"\x00", chainId=1088)
    yield "legacy_big_chain", dict(nonce=2**40, gasPrice=2**100, gas=55, to=TO, value=2**255,
                                   data=bytes(range(56)), chainId=3503995874084926)
    yield "access_empty", dict(type=1, nonce=1, gasPrice=7, gas=30000, to=TO, value=1,
                               data=b"\x7f", chainId=5, accessList=[])
    yield "access_list", dict(type=1, nonce=300, gasPrice=7, gas=30000, to="", value=1,
                              data=b"\x80", chainId=5, accessList=access(5))
    yield "fee", dict(type=2, nonce=255, maxFeePerGas=2**64, maxPriorityFeePerGas=0,
                      gas=2**63, to=TO, value=10**18, data=bytes(300), chainId=1088001,
                      accessList=access(2))
    yield "fee_create", dict(type=2, nonce=256, maxFeePerGas=5, maxPriorityFeePerGas=3,
                             gas=100000, to="", value=0, data=bytes(range(255)), chainId=1,
                             accessList=[])
    yield "blob", dict(type=3, nonce=3, maxFeePerGas=9, maxPriorityFeePerGas=3, gas=100000,
                       to=TO, value=0, data=b"abc", chainId=1, accessList=access(1),
                       maxFeePerBlobGas=2**70,
                       blobVersionedHashes=["0x01" + "aa" * 31, "0x01" + "bb" * 31])
    auths = [Account.sign_authorization(
        dict(chainId=c, address=b"\x77" * 20, nonce=n), key(50 + c))
        for c, n in ((0, 0), (1, 2**63), (200, 127))]
    yield "set_code", dict(type=4, nonce=3, maxFeePerGas=9, maxPriorityFeePerGas=3, gas=100000,
                           to=TO, value=0, data=b"", chainId=1, accessList=[],
                           authorizationList=auths)


def hexs(b):
    return bytes(b).hex()


def unsigned(raw):
    """What was signed, taken apart and put together again by the rlp package."""
    if raw[0] >= 0xc0:
        f = rlp.decode(raw)
        v = int.from_bytes(f[6], "big")
        return rlp.encode(f[:6] + ([rlp.sedes.big_endian_int.serialize((v - 35) // 2), b"", b""]
                                   if v >= 35 else []))
    return raw[:1] + rlp.encode(rlp.decode(raw[1:])[:-3])


def homestead(i):
    """No EIP-155: signed by hand with eth_keys, which eth_account brings along."""
    from eth_keys import keys
    k = keys.PrivateKey(key(i))
    body = [b"\x09", b"\x04", b"\x52\x08", TO, b"", b"hello"]
    s = k.sign_msg_hash(keccak(rlp.encode(body)))
    ints = [27 + s.v, s.r, s.s]
    raw = rlp.encode(body + [rlp.sedes.big_endian_int.serialize(x) for x in ints])
    return raw, k.public_key.to_canonical_address()


def main():
    rows = []
    for i, (name, tx) in enumerate(cases()):
        tx = {k: v for k, v in tx.items() if not (k == "to" and v == "")}
        acct = Account.from_key(key(i))
        signed = acct.sign_transaction(tx)
        raw = bytes(signed.raw_transaction)
        assert bytes(signed.hash) == keccak(raw)
        rows.append((name, tx.get("type", 0), raw, bytes.fromhex(acct.address[2:])))
    raw, sender = homestead(99)
    rows.append(("homestead", 0, raw, sender))
    auth_rows = [(50 + c, bytes.fromhex(Account.from_key(key(50 + c)).address[2:]))
                 for c in (0, 1, 200)]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "types_tx_table.h")
    with open(path, "w") as f:
        f.write("/* Made by gen_types_tx.py from eth_account and rlp; do not edit. */\n")
        f.write("/* clang-format off */\n")
        f.write("static const struct {\n    const char *name;\n    int type;\n"
                "    const char *raw, *hash, *signing_hash, *from;\n} tx_table[] = {\n")
        for name, typ, raw, sender in rows:
            f.write('    {"%s", %d,\n' % (name, typ))
            text = hexs(raw)
            for at in range(0, len(text), 80):
                f.write('     "%s"\n' % text[at:at + 80])
            f.write('     , "%s",\n     "%s",\n     "%s"},\n' % (
                hexs(keccak(raw)), hexs(keccak(unsigned(raw))), hexs(sender)))
        f.write("};\n\nstatic const char *const auth_authorities[] = {\n")
        for _, a in auth_rows:
            f.write('    "%s",\n' % hexs(a))
        f.write("};\n/* clang-format on */\n")


main()
