#!/usr/bin/env python3
"""Writes chain_difficulty_table.h: a sample of the public DifficultyTests
(ethereum/tests, revision 4c87ebbf; argument: their folder). Parents without and with
ommers, every fork, the steps around each bomb."""
import json
import os
import sys

STEP = 37  # of several thousand rows a file


def rows(folder):
    for root, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            if not name.endswith(".json"):
                continue
            data = json.load(open(os.path.join(root, name)))
            for title, suite in data.items():
                for fork, cases in suite.items():
                    if fork == "_info":
                        continue
                    keys = list(cases)
                    for i in sorted(set(range(0, len(keys), STEP)) | {len(keys) - 1}):
                        yield fork, cases[keys[i]]


def num(text):
    return int(text, 0)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "chain_difficulty_table.h"), "w") as f:
        f.write("/* Made by gen_chain_difficulty.py; do not edit. */\n/* clang-format off */\n"
                "#include <stdint.h>\n\n")
        f.write("static const struct {\n    const char *fork;\n    uint64_t number, parent_time, "
                "time, parent_difficulty;\n    int ommers;\n    uint64_t want;\n} "
                "difficulty_table[] = {\n")
        for fork, c in rows(sys.argv[1]):
            ommers = c["parentUncles"]
            ommers = 1 if ommers not in ("0x00", "0x", "0x0") and num(ommers) != 0 else 0
            vals = [num(c[k]) for k in ("currentBlockNumber", "parentTimestamp",
                                        "currentTimestamp", "parentDifficulty")]
            want = num(c["currentDifficulty"])
            if max(vals + [want]) >> 64:
                continue
            f.write('    {"%s", %du, %du, %du, %du, %d, %du},\n' % (fork, *vals, ommers, want))
        f.write("};\n/* clang-format on */\n")


main()
