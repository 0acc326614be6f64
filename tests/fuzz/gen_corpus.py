#!/usr/bin/env python3
"""Writes the seeds of the RLP, transaction, header, block, JSON and genesis targets into
corpus/, from the public chain in tests/vectors/rpc and the transactions of
tests/unit/types_tx_table.h (pip install rlp)."""
import json
import os
import re

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


def main():
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
    addr = "0x4200000000000000000000000000000000000011"
    put("genesis", "metis", json.dumps({
        "config": {"chainId": 1088, "berlinBlock": 0, "metis": {
            "name": "m", "periodMs": 500, "gasLimit": 5000, "equalTime": True,
            "blobTransactions": False, "push0": True, "l1Fee": True, "gasPriceOracle": addr,
            "baseFeeVault": addr, "nativeToken": addr, "nativeTransfer": addr,
            "coinbase": addr}},
        "gasLimit": "0x1388", "difficulty": 0, "alloc": {addr: {"balance": "1"}}}).encode())


main()
