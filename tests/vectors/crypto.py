#!/usr/bin/env python3
"""Writes tests/vectors/crypto/*.txt: `operation input expected` a line, hex, "-" for empty,
"fail" where the operation must refuse. The values come from py_ecc 8, pycryptodome,
cryptography and Python's own integers, none of which metisd uses. Needs
`pip install py_ecc pycryptodome cryptography` and the KZG set-up's text (argument 1)."""
import os
import random
import sys

from Crypto.Hash import keccak as pk
from py_ecc import optimized_bls12_381 as L
from py_ecc import optimized_bn128 as N
from py_ecc.bls.hash_to_curve import (clear_cofactor_G1, clear_cofactor_G2,
                                      map_to_curve_G1, map_to_curve_G2)

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crypto")


def write(name, rows):
    with open(os.path.join(HERE, name + ".txt"), "w") as f:
        for op, data, want in rows:
            f.write("%s %s %s\n" % (op, data or "-", want or "-"))


def h(v, n=32):
    return ("%0" + str(2 * n) + "x") % v


# ---- keccak ----
def keccak_rows():
    rng = random.Random(1)
    lengths = list(range(0, 10)) + [31, 32, 33, 55, 56, 64, 135, 136, 137, 200, 271, 272,
                                    273, 407, 408, 409, 1000]
    for n in lengths:
        data = rng.randbytes(n)
        yield "keccak", data.hex(), pk.new(digest_bits=256, data=data).hexdigest()


# ---- modexp ----
def modexp_rows():
    rng = random.Random(2)

    def row(b, e, m, bl, el, ml):
        data = h(bl) + h(el) + h(ml) + "".join(h(v, n) for v, n in ((b, bl), (e, el), (m, ml)) if n)
        want = 0 if m == 0 else pow(b, e, m)
        return "modexp", data, h(want, ml) if ml else ""

    p = 2**256 - 2**32 - 977
    yield row(3, p - 1, p, 1, 32, 32)
    yield row(0, p - 1, p, 0, 32, 32)
    for bl, el, ml in ((0, 0, 0), (1, 1, 0), (0, 0, 1), (0, 0, 5), (5, 0, 3)):
        for m in (0, 1, 2, 7):
            if ml or not m:
                yield row(rng.getrandbits(8 * bl) if bl else 0, 0, m, bl, el, ml)
    for n in (1, 7, 8, 9, 31, 32, 33, 64, 100, 128, 256, 512, 1024):
        for kind in range(4):
            b, e = rng.getrandbits(8 * n), rng.getrandbits(8 * min(n, 40))
            m = rng.getrandbits(8 * n)
            m = (m | 1, m & ~1, 1 << (8 * n - 1), m >> (4 * n))[kind]
            yield row(b, e, m, n, min(n, 40), n)
    yield row(2**2047 + 5, 65537, 2**1024 + 1, 300, 3, 200)
    yield row(7, 2**8000 + 1, 97, 1, 1024, 1)
    yield row(5, 0, 0, 3, 2, 4)
    yield row(0, 0, 1, 3, 2, 4)
    yield row(0, 0, 9, 3, 2, 4)
    yield row(0, 5, 9, 3, 2, 4)


# ---- P-256 ----
P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
P256_G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
          0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def p256_add(a, b):
    p = P256_P
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % p == 0:
            return None
        s = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, p)
    else:
        s = (b[1] - a[1]) * pow(b[0] - a[0], -1, p)
    x = (s * s - a[0] - b[0]) % p
    return x, (s * (a[0] - x) - a[1]) % p


def p256_mul(a, k):
    r = None
    while k:
        if k & 1:
            r = p256_add(r, a)
        a = p256_add(a, a)
        k >>= 1
    return r


def p256_rows():
    rng = random.Random(3)
    n, p = P256_N, P256_P

    def row(e, r, s, q, want):
        return "p256", h(e) + h(r) + h(s) + h(q[0]) + h(q[1]), want

    # RFC 6979, A.2.5, SHA-256, "sample"
    q = (0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
         0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299)
    e = 0xaf2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    yield row(e, r, s, q, "1")
    yield row(e, r, n - s, q, "1")
    yield row(e ^ 1, r, s, q, "0")
    for bad in ((0, s), (r, 0), (n, s), (r, n), (r + n if r + n < 2**256 else n + 1, s)):
        yield row(e, bad[0], bad[1], q, "0")
    yield row(e, r, s, (q[0], q[1] ^ 1), "0")
    yield row(e, r, s, (0, 0), "0")
    yield row(e, r, s, (q[0], p - q[1]), "0")
    for _ in range(8):
        d, k, e = rng.randrange(1, n), rng.randrange(1, n), rng.getrandbits(256)
        q, big_r = p256_mul(P256_G, d), p256_mul(P256_G, k)
        r = big_r[0] % n
        s = pow(k, -1, n) * (e + r * d) % n
        yield row(e, r, s, q, "1")
        yield row(e, r, (s + 1) % n, q, "0")
    # x of the nonce point between n and p: r = x - n; and coordinates not below p.
    x = n
    while True:
        x += 1
        y2 = (x ** 3 - 3 * x + P256_B) % p
        y = pow(y2, (p + 1) // 4, p)
        if y * y % p == y2:
            break
    e, s, r = rng.getrandbits(256), rng.randrange(1, n), x - n
    q = p256_mul(p256_add(p256_mul((x, y), s), p256_mul(P256_G, n - e % n)), pow(r, -1, n))
    yield row(e, r, s, q, "1")
    for x in range(5, 200):
        y2 = (x ** 3 - 3 * x + P256_B) % p
        y = pow(y2, (p + 1) // 4, p)
        if y * y % p == y2 and x + p < 2**256:
            e, s = rng.getrandbits(256), rng.randrange(1, n)
            k = rng.randrange(1, n)
            big_r = p256_add(p256_mul(P256_G, k), (x, y))
            # R = u1 G + u2 Q with u2 = 1: s = r, u1 = k
            r = s = big_r[0] % n
            e = k * s % n
            yield row(e, r, s, (x, y), "1")
            yield row(e, r, s, (x + p, y), "0")
            break
    # u1 G + u2 Q is infinity
    e, r, s = rng.randrange(1, n), rng.randrange(1, n), rng.randrange(1, n)
    yield row(e, r, s, p256_mul(P256_G, (n - e) * pow(r, -1, n) % n), "0")
    # digest zero, and u1 G = u2 Q (a doubling at the end)
    d, k = rng.randrange(1, n), rng.randrange(1, n)
    r = p256_mul(P256_G, k)[0] % n
    yield row(0, r, pow(k, -1, n) * r * d % n, p256_mul(P256_G, d), "1")
    e = r * d % n
    yield row(e, r, pow(k, -1, n) * 2 * e % n, p256_mul(P256_G, d), "1")


# ---- BN254 ----
def bn_g1(p):
    if N.is_inf(p):
        return h(0) * 2
    x, y = N.normalize(p)
    return h(int(x)) + h(int(y))


def bn_g2(q):
    if N.is_inf(q):
        return h(0) * 4
    x, y = (v.coeffs for v in N.normalize(q))
    return h(int(x[1])) + h(int(x[0])) + h(int(y[1])) + h(int(y[0]))


def bn_pairs(*l):
    return "".join(bn_g1(a) + bn_g2(b) for a, b in l)


def bn_sqrt2(a):
    """Square root in Fp2, p = 3 modulo 4 (Adj, Rodriguez-Henriquez 2012)."""
    p = N.field_modulus
    a1 = a ** ((p - 3) // 4)
    alpha, x0 = a1 * a1 * a, a1 * a
    if alpha == N.FQ2([p - 1, 0]):
        x = N.FQ2([0, 1]) * x0
    else:
        x = (N.FQ2([1, 0]) + alpha) ** ((p - 1) // 2) * x0
    return x if x * x == a else None


def bn254_rows():
    rng = random.Random(254)
    p, r, inf = N.field_modulus, N.curve_order, h(0) * 2
    pts = [N.G1] + [N.multiply(N.G1, rng.randrange(1, r)) for _ in range(9)]
    for a, b in zip(pts, pts[1:]):
        yield "add", bn_g1(a) + bn_g1(b), bn_g1(N.add(a, b))
    for a in pts[:2]:
        yield "add", bn_g1(a) * 2, bn_g1(N.double(a))
        yield "add", bn_g1(a) + bn_g1(N.neg(a)), inf
        yield "add", bn_g1(a) + inf, bn_g1(a)
        yield "add", inf + bn_g1(a), bn_g1(a)
    yield "add", inf + inf, inf
    for bad in (h(1) + h(3) + inf, h(1 + p) + h(2) + inf, inf + h(1) + h(2 + p),
                h(p) + h(0) + inf, inf + h(0) + h(p), inf + h(0) + h(1), inf + h(1) + h(0)):
        yield "add", bad, "fail"
    lam = 0xb3c4d79d41a917585bfc41088d8daaa78b17ea66b99c90dd
    scalars = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, r - 1, r, r + 1, 2 * r - 1, 2 * r, 5 * r + 3,
               2**256 - 1, 2**255, 2**128, 2**128 - 1, 2**127, 2**64, lam, lam - 1, lam + 1,
               r - lam, lam * lam % r]
    scalars += [rng.getrandbits(256) for _ in range(30)]
    scalars += [rng.getrandbits(rng.randrange(1, 254)) for _ in range(15)]
    for i, s in enumerate(scalars):
        a = pts[i % len(pts)]
        yield "mul", bn_g1(a) + h(s), bn_g1(N.multiply(a, s % r))
    yield "mul", inf + h(5), inf
    yield "mul", h(1) + h(1) + h(5), "fail"
    yield "mul", h(1) + h(2 + p) + h(0), "fail"
    yield from bn254_pairing_rows(rng, p, r)


def bn254_pairing_rows(rng, p, r):
    g1, g2 = N.G1, N.G2
    o1, o2 = N.multiply(g1, 0), N.multiply(g2, 0)
    for _ in range(3):
        a, b = rng.randrange(1, r), rng.randrange(1, r)
        left = (N.multiply(g1, a), N.multiply(g2, b))
        yield "pairing", bn_pairs(left, (N.neg(N.multiply(g1, a * b % r)), g2)), "1"
        yield "pairing", bn_pairs(left, (N.neg(N.multiply(g1, (a * b + 1) % r)), g2)), "0"
    for l in ([], [(o1, g2)], [(g1, o2)], [(o1, o2)],
              [(g1, o2), (g1, g2), (o1, g2), (N.neg(g1), g2)]):
        yield "pairing", bn_pairs(*l), "1"
    yield "pairing", bn_pairs((g1, g2)), "0"
    for n in (3, 7, 8, 9, 17):
        ks = [(rng.randrange(1, r), rng.randrange(1, r)) for _ in range(n - 1)]
        l = [(N.multiply(g1, a), N.multiply(g2, b)) for a, b in ks]
        l.append((N.neg(N.multiply(g1, sum(a * b for a, b in ks) % r)), g2))
        yield "pairing", bn_pairs(*l), "1"
        yield "pairing", bn_pairs(*l[:-1]), "0"
    # Points of the twist outside the subgroup, of every kind of order.
    found = 0
    for k in range(1, 100):
        x = N.FQ2([k, found])
        y = bn_sqrt2(x * x * x + N.b2)
        if y is None:
            continue
        q = (x, y, N.FQ2([1, 0]))
        cofactor = 2 * p - r
        assert N.is_on_curve(q, N.b2) and not N.is_inf(N.multiply(q, r))
        yield "pairing", bn_pairs((g1, q)), "fail"
        yield "pairing", bn_pairs((o1, q)), "fail"
        yield "pairing", bn_pairs((g1, N.multiply(q, r))), "fail"
        for f in (10069, 5864401):
            if cofactor % f == 0:
                yield "pairing", bn_pairs((g1, N.multiply(q, r * (cofactor // f)))), "fail"
        good, s = N.multiply(q, cofactor), rng.randrange(2, r)
        yield "pairing", bn_pairs((N.multiply(g1, s), good), (N.neg(g1), N.multiply(good, s))), "1"
        found += 1
        if found == 3:
            break
    words = [bn_pairs((g1, g2))[64 * i:64 * i + 64] for i in range(6)]
    for i in range(6):
        bad = list(words)
        bad[i] = h(int(bad[i], 16) + p)
        yield "pairing", "".join(bad), "fail"
        bad[i] = h(int(words[i], 16) ^ 1)
        yield "pairing", "".join(bad), "fail"
    yield "pairing", "".join(words)[:-2], "fail"
    yield "pairing", "".join(words) + "00", "fail"


# ---- BLS12-381 ----
def bl_g1(p):
    if L.is_inf(p):
        return h(0, 64) * 2
    x, y = L.normalize(p)
    return h(int(x), 64) + h(int(y), 64)


def bl_fp2(v):
    return h(int(v.coeffs[0]), 64) + h(int(v.coeffs[1]), 64)


def bl_g2(q):
    if L.is_inf(q):
        return h(0, 64) * 4
    x, y = L.normalize(q)
    return bl_fp2(x) + bl_fp2(y)


def bl_odd_g1(rng):
    """On the curve, not in the subgroup."""
    p = L.field_modulus
    while True:
        x = rng.randrange(p)
        y2 = (x ** 3 + 4) % p
        y = pow(y2, (p + 1) // 4, p)
        if y * y % p == y2:
            q = (L.FQ(x), L.FQ(y), L.FQ(1))
            if not L.is_inf(L.multiply(q, L.curve_order)):
                return q


def bl_odd_g2(rng):
    p = L.field_modulus
    while True:
        x = L.FQ2([rng.randrange(p), rng.randrange(p)])
        a = x * x * x + L.FQ2([4, 4])
        a1 = a ** ((p - 3) // 4)
        alpha, x0 = a1 * a1 * a, a1 * a
        if alpha == L.FQ2([p - 1, 0]):
            y = L.FQ2([0, 1]) * x0
        else:
            y = (L.FQ2([1, 0]) + alpha) ** ((p - 1) // 2) * x0
        if y * y == a:
            q = (x, y, L.FQ2([1, 0]))
            if not L.is_inf(L.multiply(q, L.curve_order)):
                return q


def bls_group_rows(rng, name, g, enc, odd, size):
    p, r = L.field_modulus, L.curve_order
    inf = "00" * size
    pts = [L.multiply(g, rng.randrange(1, r)) for _ in range(12)]
    for a, b in zip(pts[:4], pts[4:]):
        yield name + "_add", enc(a) + enc(b), enc(L.add(a, b))
    a, o = pts[0], odd(rng)
    yield name + "_add", enc(a) * 2, enc(L.double(a))
    yield name + "_add", enc(a) + enc(L.neg(a)), inf
    yield name + "_add", enc(a) + inf, enc(a)
    yield name + "_add", inf + enc(a), enc(a)
    yield name + "_add", inf + inf, inf
    yield name + "_add", enc(o) + enc(a), enc(L.add(o, a))  # no subgroup check here
    text = enc(a)
    for i in range(size // 64):
        at = 128 * i
        for bad in (h(int(text[at:at + 128], 16) + p, 64), "01" + text[at + 2:at + 128],
                    h(int(text[at:at + 128], 16) ^ 1, 64)):
            yield name + "_add", text[:at] + bad + text[at + 128:] + inf, "fail"
    for n in (1, 1, 2, 3, 5, 12):
        ks = [rng.getrandbits(256) for _ in range(n)]
        acc = L.multiply(g, 0)
        for q, k in zip(pts, ks):
            acc = L.add(acc, L.multiply(q, k % r))
        yield name + "_msm", "".join(enc(q) + h(k) for q, k in zip(pts, ks)), enc(acc)
    for k in (0, 1, r - 1, r, r + 1, 2**256 - 1):
        yield name + "_msm", enc(a) + h(k), enc(L.multiply(a, k % r))
    yield name + "_msm", enc(a) + h(5) + inf + h(7) + enc(a) + h(r), enc(L.multiply(a, 5))
    yield name + "_msm", enc(a) + h(5) + enc(a) + h(5), enc(L.multiply(a, 10))
    yield name + "_msm", enc(a) + h(5) + enc(L.neg(a)) + h(5), inf
    yield name + "_msm", inf + h(5), inf
    yield name + "_msm", "", "fail"
    yield name + "_msm", (enc(a) + h(5))[:-2], "fail"
    yield name + "_msm", enc(o) + h(5), "fail"
    yield name + "_msm", enc(o) + h(0), "fail"
    yield name + "_msm", enc(a) + h(1) + enc(o) + h(0), "fail"


def bls_rows():
    rng = random.Random(381)
    p, r = L.field_modulus, L.curve_order
    yield from bls_group_rows(rng, "g1", L.G1, bl_g1, bl_odd_g1, 128)
    yield from bls_group_rows(rng, "g2", L.G2, bl_g2, bl_odd_g2, 256)
    o1, o2 = L.multiply(L.G1, 0), L.multiply(L.G2, 0)

    def pairs(*l):
        return "".join(bl_g1(a) + bl_g2(b) for a, b in l)

    yield "pairing", "", "fail"
    for l in ([(o1, L.G2)], [(L.G1, o2)], [(o1, o2)], [(o1, L.G2), (L.G1, L.G2), (L.neg(L.G1), L.G2)]):
        yield "pairing", pairs(*l), "1"
    yield "pairing", pairs((L.G1, L.G2)), "0"
    for n in (2, 3, 16, 17):
        ks = [(rng.randrange(1, r), rng.randrange(1, r)) for _ in range(n - 1)]
        l = [(L.multiply(L.G1, a), L.multiply(L.G2, b)) for a, b in ks]
        l.append((L.neg(L.multiply(L.G1, sum(a * b for a, b in ks) % r)), L.G2))
        yield "pairing", pairs(*l), "1"
        yield "pairing", pairs(*l[:-1]), "0"
    yield "pairing", pairs((bl_odd_g1(rng), L.G2)), "fail"
    yield "pairing", pairs((L.G1, bl_odd_g2(rng))), "fail"
    yield "pairing", pairs((bl_odd_g1(rng), o2)), "fail"
    yield "pairing", pairs((o1, bl_odd_g2(rng))), "fail"
    yield "pairing", pairs((L.G1, L.G2))[:-2], "fail"
    for u in [0, 1, 2, p - 1] + [rng.randrange(p) for _ in range(6)]:
        yield "map_g1", h(u, 64), bl_g1(clear_cofactor_G1(map_to_curve_G1(L.FQ(u))))
    yield "map_g1", h(p, 64), "fail"
    yield "map_g1", "01" + h(1, 63), "fail"
    for u in [(0, 0), (1, 0), (0, 1), (p - 1, p - 1)] + [(rng.randrange(p), rng.randrange(p)) for _ in range(5)]:
        yield "map_g2", h(u[0], 64) + h(u[1], 64), bl_g2(clear_cofactor_G2(map_to_curve_G2(L.FQ2(u))))
    yield "map_g2", h(p, 64) + h(0, 64), "fail"
    yield "map_g2", h(0, 64) + h(p, 64), "fail"


# ---- KZG point evaluation: polynomials of degree 0, 1, 2 over the set-up's own points ----
def kzg_rows(setup):
    import hashlib
    from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1
    from py_ecc.bls.point_compression import decompress_G1
    rng = random.Random(4844)
    words = open(setup).read().split()[2:]
    mono = [decompress_G1(int(w, 16)) for w in words[4096 + 65:4096 + 65 + 3]]
    assert L.eq(mono[0], L.G1)
    r = L.curve_order

    def row(c, z, y, proof, want, hash_flip=0):
        cb, pb = bytes(G1_to_pubkey(c)), bytes(G1_to_pubkey(proof))
        v = bytearray(b"\x01" + hashlib.sha256(cb).digest()[1:])
        v[31] ^= hash_flip
        return "kzg", bytes(v).hex() + h(z) + h(y) + cb.hex() + pb.hex(), want

    def commit(coeffs):
        acc = L.multiply(L.G1, 0)
        for k, q in zip(coeffs, mono):
            acc = L.add(acc, L.multiply(q, k))
        return acc

    for degree in (0, 0, 1, 1, 2, 2):
        co = [rng.randrange(1, r) for _ in range(degree + 1)]
        for z in (0, 1, r - 1, rng.randrange(r)):
            y = sum(k * pow(z, i, r) for i, k in enumerate(co)) % r
            co3 = co + [0] * (3 - len(co))
            q = commit([(co3[1] + co3[2] * z) % r, co3[2]])
            c = commit(co)
            yield row(c, z, y, q, "1")
            yield row(c, z, (y + 1) % r, q, "fail")
        yield row(c, z, y, L.add(q, L.G1), "fail")
        yield row(c, z, y, q, "fail", 1)
        yield row(c, z + r, y, q, "fail")
        if y + r < 2**256:
            yield row(c, z, y + r, q, "fail")
    inf = L.multiply(L.G1, 0)
    yield row(inf, 5, 0, inf, "1")
    yield row(inf, 5, 1, inf, "fail")
    op, data, _ = row(inf, 5, 0, inf, "1")
    yield op, data[:-2] + "01", "fail"
    yield op, data[:-96] + "80" + "00" * 47, "fail"


def main():
    os.makedirs(HERE, exist_ok=True)
    write("keccak", keccak_rows())
    write("modexp", modexp_rows())
    write("p256", p256_rows())
    write("bn254", bn254_rows())
    write("bls", bls_rows())
    if len(sys.argv) > 1:
        write("kzg", kzg_rows(sys.argv[1]))


main()
