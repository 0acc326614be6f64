#!/usr/bin/env python3
"""Writes mpef_fees_table.h and mpef_requests_table.h: rules worked out by Python from the
texts of the EIPs and of docs/NETWORKS.md, with integers without bounds.
Usage: gen_mpef.py fees > mpef_fees_table.h; gen_mpef.py requests > mpef_requests_table.h"""
import random
import sys
from hashlib import sha256

rng = random.Random(7)


def rlp(x):
    if isinstance(x, list):
        body = b"".join(rlp(i) for i in x)
        return header(body, 0xC0)
    if isinstance(x, int):
        x = x.to_bytes((x.bit_length() + 7) // 8, "big")
    if len(x) == 1 and x[0] < 0x80:
        return x
    return header(x, 0x80)


def header(body, base):
    if len(body) <= 55:
        return bytes([base + len(body)]) + body
    n = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(n)]) + n + body


def ceil_div(a, b):
    return -(-a // b)


def limbs(v):
    return "{{" + ",".join("0x%xu" % (v >> (64 * i) & ((1 << 64) - 1))
                           for i in range(4)) + "}}"


def c_str(b):
    return "\n ".join('"' + b[i:i + 40].hex() + '"' for i in range(0, max(len(b), 1), 40))


def l1_case(nonce, price, gas, to, value, data, base_fee, overhead, scalar, decimals, typed,
            oracle_price=0):
    if typed is None:
        paid = rlp([nonce, price, gas, to, value, data, 0, 0, 0])[:-3]
    else:
        paid = typed
    zeros = paid.count(0)
    l1_gas = 4 * zeros + 16 * (len(paid) - zeros + 68) + overhead
    fee = ceil_div(l1_gas * base_fee * scalar, 10 ** decimals)
    unit = price or oracle_price
    extra = ceil_div(fee, unit) if unit else 0
    print("{%d, %s, %d,\n %s," % (nonce, limbs(price), gas, c_str(to)))
    print(" %s,\n %s,\n %s," % (limbs(value), c_str(data), c_str(typed or b"")))
    print(" {%s, %s,\n  %s, %s, %s}," % (limbs(oracle_price), limbs(base_fee),
                                       limbs(overhead), limbs(scalar), limbs(decimals)))
    print(" %d, %s, %d}," % (l1_gas, limbs(fee), extra))


def l1_table():
    print("static const struct l1_case l1_cases[] = {")
    to = bytes(range(20))
    gwei = 10 ** 9
    l1_case(0, gwei, 21000, to, 1, b"", 30 * gwei, 2100, 1500000, 6, None)
    l1_case(0, gwei, 21000, to, 1, b"", 0, 2100, 1500000, 6, None)
    l1_case(0, 0, 21000, to, 1, b"", 30 * gwei, 2100, 1500000, 6, None, 14 * gwei)
    l1_case(0, 0, 21000, to, 1, b"", 30 * gwei, 2100, 1500000, 6, None, 0)
    l1_case(5, 3, 10 ** 6, b"", 0, bytes(256), 7, 0, 1, 0, None)
    l1_case(5, 7, 10 ** 6, b"", 0, bytes([127]), 7, 0, 3, 1, None)
    l1_case(5, 7, 10 ** 6, b"", 0, bytes([0]), 7, 0, 3, 77, None)
    for _ in range(20):
        n = rng.choice([0, 1, 2, 20, 55, 56, 200, 255, 256, 300, 1000])
        data = bytes(rng.choice([0, 0, rng.randrange(256)]) for _ in range(n))
        typed = bytes([2]) + rlp([1, 2, data, rng.getrandbits(256)])
        l1_case(rng.getrandbits(rng.choice([1, 8, 40])), rng.getrandbits(36) + 1,
                rng.getrandbits(30), rng.choice([b"", to]), rng.getrandbits(80), data,
                rng.getrandbits(38), rng.getrandbits(13), rng.getrandbits(22),
                rng.randrange(0, 9), rng.choice([None, typed]))
    print("};\n")


def next_base_fee(limit, used, fee):
    target = limit // 2
    if used == target:
        return fee
    if used > target:
        return fee + max(fee * (used - target) // target // 8, 1)
    return fee - fee * (target - used) // target // 8


def base_fee_table():
    print("static const struct base_fee_case base_fee_cases[] = {")
    for i in range(40):
        limit = rng.choice([30000000, 1500000000, 10000001, 5000])
        used = rng.choice([0, limit, limit // 2, limit // 2 + 1, rng.randrange(limit + 1)])
        fee = rng.choice([7, 8, 1, 10 ** 9, rng.getrandbits(60), rng.getrandbits(100)])
        print("{%d, %d, %s,\n %s}," % (limit, used, limbs(fee),
                                       limbs(next_base_fee(limit, used, fee))))
    print("};\n")


def fake_exponential(factor, num, den):
    i, out, acc = 1, 0, factor * den
    while acc > 0:
        out += acc
        acc = acc * num // (den * i)
        i += 1
    return out // den


def blob_table():
    schedules = {"CANCUN": (3, 6, 3338477), "PRAGUE": (6, 9, 5007716),
                 "OSAKA": (6, 9, 5007716), "BPO1": (10, 15, 8346193),
                 "BPO2": (14, 21, 11684671)}
    print("static const struct blob_case blob_cases[] = {")
    for _ in range(60):
        name = rng.choice(list(schedules))
        target, most, fraction = schedules[name]
        gas = 131072
        excess = rng.choice([0, rng.randrange(100) * gas, rng.randrange(2000) * gas])
        used = rng.randrange(most + 1) * gas
        base = rng.choice([7, 10 ** 9, rng.getrandbits(40)])
        price = fake_exponential(1, excess, fraction)
        if excess + used < target * gas:
            following = 0
        elif name not in ("CANCUN", "PRAGUE") and 8192 * base > gas * price:
            following = excess + used * (most - target) // most
        else:
            following = excess + used - target * gas
        print("{FORK_%s, {%d, %d, %d}, %d, %d," % (name, target, most, fraction, excess,
                                                   used))
        print(" %s, %d,\n %s}," % (limbs(base), following, limbs(price)))
    print("};\n")


def requests():
    deposit = bytes(rng.randrange(256) for _ in range(192))
    parts = [(deposit[0:48], 160), (deposit[48:80], 256), (deposit[80:88], 320),
             (deposit[88:184], 384), (deposit[184:192], 512)]
    data = b"".join(at.to_bytes(32, "big") for _, at in parts)
    for part, at in parts:
        assert len(data) == at
        data += len(part).to_bytes(32, "big") + part + bytes(-len(part) % 32)
    assert len(data) == 576
    print("/* a deposit event's data, and the requests hash of a block with it alone */")
    print("static const char deposit_data[] =")
    print(" " + c_str(data) + ";")
    digest = sha256(sha256(b"\0" + deposit).digest()).hexdigest()
    print('static const char deposit_requests_hash[] =\n    "%s";' % digest)
    print('static const char empty_requests_hash[] =\n    "%s";' % sha256().hexdigest())


print("/* Generated by gen_mpef.py; do not edit. */\n/* clang-format off */")
if sys.argv[1] == "fees":
    l1_table()
    base_fee_table()
    blob_table()
else:
    requests()
