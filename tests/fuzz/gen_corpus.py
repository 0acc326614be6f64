#!/usr/bin/env python3
"""Writes the seeds of all targets but the trie's into corpus/, from the public chain in tests/vectors/rpc and the transactions of
tests/unit/types_tx_table.h (pip install rlp eth-keyfile)."""
import json
import os
import re

import eth_keyfile
import rlp

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def blocks():
    data = open(os.path.join(TESTS, "vectors/rpc/chain.rlp"), "rb").read()
    while data:
        size = rlp.codec.consume_length_prefix(data, 0)
        end = size[3] + size[2]
        yield data[:end]
        data = data[end:]


def http():
    """First byte: the length of pieces, less one; the top bit stops after each request."""
    post = (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\n\r\n{}")
    put("http", "pipeline", b"\x86" + post + post)
    put("http", "chunked", b"\x03POST /x?y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n")
    put("http", "smuggle", b"\x00POST / HTTP/1.1\r\nContent-Length: 3\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    put("http", "old", b"\x10GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /\r\n\r\n")
    put("http", "upgrade", b"\x02GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nmore")
    put("http", "folded", b"\x05OPTIONS * HTTP/1.1\r\nOrigin: a\r\n b\r\nX:\r\n\r\n")
    put("http", "many", b"\x40GET /" + b"a" * 1100 + b" HTTP/1.1\r\n" + b"A: b\r\n" * 20 + b"\r\n")


def frame(first, data, mask=b"\x11\x22\x33\x44", size=None):
    n = len(data) if size is None else size
    head = bytes([n | 0x80]) if n < 126 else b"\xfe" + n.to_bytes(2, "big") if n < 65536 \
        else b"\xff" + n.to_bytes(8, "big")
    return bytes([first]) + head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def ws():
    text, ping = frame(0x81, b'{"id":1}'), frame(0x89, b"ping")
    put("ws", "text", b"\x07" + text + frame(0x82, b"\x00\xff") + ping)
    put("ws", "fragments", b"\x02" + frame(0x01, "\u20ac".encode()[:1]) + ping +
        frame(0x80, "\u20ac".encode()[1:]) + frame(0x8a, b""))
    put("ws", "long", b"\xff" + frame(0x81, b"a" * 300))
    put("ws", "too-long", b"\x20" + frame(0x82, b"abc", size=70000))
    put("ws", "close", b"\x00" + frame(0x88, b"\x03\xe8bye") + text)
    put("ws", "bad", b"\x01" + frame(0x81, b"\xc0\xaf"))
    put("ws", "unmasked", b"\x01\x81\x01a")
    put("ws", "reserved", b"\x01" + frame(0xc1, b"a") + frame(0x83, b"b"))


def config():
    put("config", "file", b"# a comment\n[rpc]\nport = 9000\nvhosts = a, b,c\n\n[db]\n"
        b"sync = interval ; why\ninterval=10s\nsize-max: 64mb\n"
        b"[hyperion.rpc]\nport=1\nbody_max = 5kb\n[andromeda.log]\n")
    put("config", "types", b"\xef\xbb\xbf[node]\ndatadir = /x y\nsequencer = true\nready-age=1.5h\n"
        b"[log]\nlevel = debug\nmodules = rpc=debug,chain=warn\n[txpool]\nmax=10_000\n")
    put("config", "repeated", b"[rpc]\nport=1\nport=2\n")
    put("config", "line", b"[rpc]\nhost = " + b"a" * 220 + b"\n")


def keystore():
    """Files of another implementation, with the cheapest parameters."""
    for kdf in ("pbkdf2", "scrypt"):
        made = eth_keyfile.create_keyfile_json(b"\x7a" * 32, b"testpassword", kdf=kdf,
                                               iterations=2, salt_size=16)
        put("keystore", kdf, json.dumps(made).encode())
    made["crypto"]["ciphertext"] = "00"
    put("keystore", "short", json.dumps(made).encode())
    made["crypto"]["kdf"] = "argon2"
    put("keystore", "kdf", json.dumps(made).encode())
    put("keystore", "version", b'{"version":4,"crypto":{}}')


def main():
    http()
    ws()
    config()
    keystore()
    for i, raw in enumerate(blocks()):
        fields = rlp.decode(raw)
        if i % 6 == 0 or i > 50:
            put("header", "block-%02d" % (i + 1), rlp.encode(fields[0]))
        if len(raw) < 2500 and (i % 9 == 0 or i > 50):
            put("block", "block-%02d" % (i + 1), raw)
    ommer = rlp.decode(next(blocks()))
    put("block", "ommers-withdrawals", rlp.encode([
        ommer[0], [], [ommer[0], ommer[0]], [[b"\x01", b"\x02", b"\x03" * 20, b"\x04"]]]))
    table = open(os.path.join(TESTS, "unit/types_tx_table.h")).read()
    for name, _, text in re.findall(r'\{"(\w+)", (\d),\s*((?:"[0-9a-f]+"\s*)+),', table):
        raw = bytes.fromhex("".join(re.findall(r'"([0-9a-f]+)"', text)))
        put("tx", name, raw)
        if name == "blob":
            body = rlp.decode(raw[1:])
            put("tx", "blob_network", b"\x03" + rlp.encode([body, [b"b" * 40], [b"c" * 48],
                                                            [b"p" * 48]]))
    put("rlp", "nested", rlp.encode([[], [[]], [[], [[]]], b"", b"\x00", b"\x7f", b"\x80"]))
    put("rlp", "strings", rlp.encode([b"a" * n for n in (0, 1, 2, 54, 55, 56, 57, 255, 256)]))
    put("rlp", "number", rlp.encode(2**255 + 1))
    put("rlp", "zero", b"\x80")
    put("rlp", "long", bytes.fromhex("bf0f000000000000021111"))
    put("json", "request", json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "eth_call",
        "params": [{"to": "0x" + "ab" * 20, "data": "0x"}, "latest"]}).encode())
    put("json", "batch", b'[{"id":1.5e3},{"id":"\\u00e9\\n\\ud83d\\ude00"},null,true,-7]')
    put("json", "deep", b"[" * 33 + b"]" * 33)
    put("json", "utf8", '"\u00e9\u20ac\U0001f600"'.encode() + b"\xed\xa0\x80\xc0\xaf")
    genesis = json.load(open(os.path.join(TESTS, "vectors/rpc/genesis.json")))
    genesis["alloc"] = dict(list(genesis["alloc"].items())[:3])
    for account in genesis["alloc"].values():
        account["code"] = account.get("code", "0x")[:10]
        account["storage"] = {"0x1": "0x02"}
    put("genesis", "public", json.dumps(genesis).encode())
    put("genesis", "long-integer", b'{"config":{"chainId":1,"terminalTotalDifficulty":'
        b'58750000000000000000000},"gasLimit":"0x1388","difficulty":1,"alloc":{}}')
    # Enough accounts and slots for every shape of a trie's nodes.
    put("genesis", "many", json.dumps({
        "config": {"chainId": 1}, "gasLimit": "0x1388", "difficulty": 1, "alloc": {
        "%02x" % (37 * i % 256) * 20: {
            "nonce": "0x%x" % i, "balance": str(10 ** (i % 40)),
            "storage": {hex(k): hex(k ** i) for k in range(1, 40)} if i in (5, 6) else {}}
        for i in range(80)}}).encode())
    addr = "0x4200000000000000000000000000000000000011"
    put("genesis", "metis", json.dumps({
        "config": {"chainId": 1088, "berlinBlock": 0, "metis": {
            "name": "m", "periodMs": 500, "gasLimit": 5000, "equalTime": True,
            "blobTransactions": False, "push0": True, "l1Fee": True, "gasPriceOracle": addr,
            "baseFeeVault": addr, "nativeToken": addr, "nativeTransfer": addr,
            "coinbase": addr}},
        "gasLimit": "0x1388", "difficulty": 0, "alloc": {addr: {"balance": "1"}}}).encode())


main()
