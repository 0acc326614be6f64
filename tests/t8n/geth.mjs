// Small blocks and what go-ethereum's `evm t8n` makes of each: status, reasons of rejected
// transactions, roots, state, traces. geth.json has its answers, written by
//   node tests/t8n/geth.mjs PATH-TO-EVM (v1.16.7)
// and tests/t8n/run.mjs compares metis-evm with them. Of the traces it keeps the lines.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const answers = join(dirname(fileURLToPath(import.meta.url)), "geth.json");
const SENDER = "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b";
const KEY = "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8";
const TO = "0x00000000000000000000000000000000000000aa";
const OTHER = "0x00000000000000000000000000000000000000bb";
const ZERO = "0x" + "00".repeat(32);
const HASH = "0x01" + "00".repeat(31);
const FUNDS = "0xde0b6b3a7640000";

const alloc = { [SENDER]: { balance: FUNDS } };
const prague = { ...alloc };
for (const at of ["0x00000961ef480eb55e80d19ad83579a64c007002", "0x0000bbddc7ce488642fb579f8b00f3a590007251"])
    prague[at] = { balance: "0x0", nonce: "0x1", code: "0x00" };
const merged = { currentCoinbase: "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", currentGasLimit: "0x9896800",
    currentNumber: "0x5", currentTimestamp: "0x3e8", currentRandom: "0x0", currentBaseFee: "0x7", withdrawals: [] };
const work = { ...merged, currentRandom: undefined, currentBaseFee: undefined, withdrawals: undefined,
    currentDifficulty: "0x20000" };
const cancun = { ...merged, parentBeaconBlockRoot: ZERO, currentExcessBlobGas: "0x0" };
const withdrawal = (amount) => ({ index: "0x0", validatorIndex: "0x0", address: TO, amount });

const call = { nonce: "0x0", gas: "0x186a0", gasPrice: "0x7", value: "0x0", input: "0x", v: "0x0", r: "0x0",
    s: "0x0", to: TO, secretKey: KEY };
const fees = { ...call, type: "0x2", chainId: "0x1", gasPrice: undefined, maxFeePerGas: "0xa",
    maxPriorityFeePerGas: "0x0" };
const blob = { ...fees, type: "0x3", maxFeePerBlobGas: "0x1", blobVersionedHashes: [HASH] };
const blobs = (n) => ({ ...blob, blobVersionedHashes: Array(n).fill(HASH) });
const auth = { chainId: "0x1", address: TO, nonce: "0x0", yParity: "0x0", r: "0x1", s: "0x1" };
const setCode = { ...fees, type: "0x4", gas: "0x30d40", authorizationList: [auth] };

const one = (fork, pre, env, ...txs) => ({ fork, options: [], input: { alloc: pre, env, txs } });
const reward = (value, c) => ({ ...c, options: ["--state.reward", value] });

const REFUSED = {
    "nonce too low": one("Shanghai", { [SENDER]: { balance: FUNDS, nonce: "0x4" } }, merged, call),
    "nonce too high": one("Shanghai", alloc, merged, { ...call, nonce: "0x9" }),
    "the last nonce": one("Shanghai", { [SENDER]: { balance: FUNDS, nonce: "0xffffffffffffffff" } }, merged,
        { ...call, nonce: "0xffffffffffffffff" }),
    "the last nonce, too high": one("Shanghai", alloc, merged, { ...call, nonce: "0xffffffffffffffff" }),
    "a sender with code": one("Shanghai", { [SENDER]: { balance: FUNDS, code: "0x6000" } }, merged, call),
    "intrinsic gas": one("Shanghai", alloc, merged, { ...call, gas: "0x5207" }),
    "floor gas": one("Prague", prague, cancun, { ...call, gas: "0x5500", input: "0x" + "11".repeat(20) }),
    "funds": one("Shanghai", alloc, merged, { ...call, value: FUNDS }),
    "funds for blobs": one("Cancun", { [SENDER]: { balance: "0x1" } }, cancun, blob),
    "funds past 256 bits": one("Shanghai", alloc, merged, { ...call, value: "0x" + "ff".repeat(32) }),
    "tip above the cap": one("Shanghai", alloc, merged, { ...fees, maxPriorityFeePerGas: "0xb" }),
    "cap below the base fee": one("Shanghai", alloc, merged, { ...fees, maxFeePerGas: "0x6" }),
    "price below the base fee": one("Shanghai", alloc, merged, { ...call, gasPrice: "0x6" }),
    "the block's gas": one("Shanghai", alloc, { ...merged, currentGasLimit: "0x5208" }, call),
    "the cap of EIP-7825": one("Osaka", prague, cancun, { ...call, gas: "0x1000001" }),
    "init code": one("Shanghai", alloc, merged, { ...call, to: undefined, gas: "0x4c4b40",
        input: "0x" + "00".repeat(49153) }),
    "chain id": one("Shanghai", alloc, merged, { ...fees, chainId: "0x2", secretKey: undefined, r: "0x1", s: "0x1" }),
    "a type before its fork": one("Istanbul", alloc, work, { ...call, type: "0x1", chainId: "0x1" }),
    "EIP-155 before its fork": one("Frontier", alloc, work, call),
    "no blob hashes": one("Cancun", alloc, cancun, blobs(0)),
    "a blob's version": one("Cancun", alloc, cancun, { ...blob, blobVersionedHashes: [HASH, ZERO] }),
    "too many blobs": one("Cancun", alloc, cancun, blobs(7)),
    "too many blobs together": one("Cancun", alloc, cancun, blobs(6), { ...blob, nonce: "0x1" }),
    "too many blobs in Osaka": one("Osaka", prague, cancun, blobs(7)),
    "the price of a blob": one("Cancun", alloc, cancun, { ...blob, maxFeePerBlobGas: "0x0" }),
    "no excess blob gas": one("Cancun", alloc, { ...cancun, currentExcessBlobGas: undefined }, blob),
    "no authorisations": one("Prague", prague, cancun, { ...setCode, authorizationList: [] }),
    "authorisations before Prague": one("Cancun", alloc, cancun, setCode),
}

const MALFORMED = {
    "a blob without to": one("Cancun", alloc, cancun, { ...blob, to: undefined }),
    "a blob to nobody": one("Cancun", alloc, cancun, { ...blob, to: "" }),
    "blobs without hashes": one("Cancun", alloc, cancun, { ...blob, blobVersionedHashes: undefined }),
    "blobs without a price": one("Cancun", alloc, cancun, { ...blob, maxFeePerBlobGas: undefined }),
    "authorisations without to": one("Prague", prague, cancun, { ...setCode, to: undefined }),
    "no list of authorisations": one("Prague", prague, cancun, { ...setCode, authorizationList: undefined }),
    "an authorisation without parity": one("Prague", prague, cancun,
        { ...setCode, authorizationList: [{ ...auth, yParity: undefined, v: "0x0" }] }),
}

const dao = { ...alloc, "0xd4fe7bc31cedb7bfb8a345f31e668033056b2728": { balance: "0x7" } };
const empty = { ...alloc, [merged.currentCoinbase]: { balance: "0x0" } };
const GOOD = {
    "no alloc": one("Shanghai", undefined, merged),
    "a reward after the merge": reward("5", one("Shanghai", alloc, merged)),
    "nothing for an empty author": reward("0", one("Shanghai", empty, merged)),
    "no reward for an empty author": reward("-1", one("Shanghai", empty, merged)),
    "nothing before EIP-161": reward("0", one("Frontier", alloc, work)),
    "rewards of ommers": reward("5000", one("Frontier", alloc, { ...work, ommers: [{ delta: 1, address: OTHER }] })),
    "withdrawals before Shanghai": one("Paris", alloc, { ...merged, withdrawals: [withdrawal("0x2")] }),
    "empty withdrawals before EIP-161": one("Frontier", alloc, { ...work, withdrawals: [withdrawal("0x0")] }),
    "an unprotected signature": one("Frontier", alloc, work, { ...call, protected: false }),
    "excess blob gas left out": one("Cancun", alloc, { ...cancun, currentExcessBlobGas: undefined }),
    "excess blob gas of the parent": one("Cancun", alloc, { ...cancun, currentExcessBlobGas: undefined,
        parentExcessBlobGas: "0xc0000", parentBlobGasUsed: "0x60000" }, blob),
    "a blob": one("Cancun", alloc, cancun, blob),
    "an authorisation": one("Prague", prague, cancun, setCode),
    // EIP-779: the block of the fork moves the balances of the child contracts.
    "the DAO's block": one("HomesteadToDaoAt5", dao, work),
    "the block before the DAO's": one("HomesteadToDaoAt5", dao, { ...work, currentNumber: "0x4" }),
}

// ---- traces ----
// PUSH1 for each operand, the last on top.
const push = (...bytes) => bytes.map((b) => "60" + b).join("");
const CALL_OTHER = push("20", "00", "00", "00", "00", "bb") + "61ffff" + "f1";
const STATIC_OTHER = push("00", "00", "00", "00", "bb") + "61ffff" + "fa";
const REVERT = "63deadbeef600052" + push("04", "1c") + "fd";
const PROGRAMS = { // [code of TO, code of OTHER]
    "sums, memory, storage": [push("02", "03") + "01" + push("00") + "52" + push("07", "01") + "55" + push("00", "01") + "55"],
    "a call that reverts": [CALL_OTHER + "3d00", REVERT],
    "a call that returns": [CALL_OTHER + "50" + push("20", "00") + "f3", push("2a", "00") + "52" + push("20", "00") + "f3"],
    "a revert past the memory": [push("40", "21") + "fd"],
    "a jump to nowhere": [push("05") + "56"],
    "a condition to nowhere": [push("01", "05") + "57"],
    "an empty stack": ["01"],
    "a full stack": ["5f".repeat(1025)],
    "the invalid opcode": ["fe"],
    "an opcode that is none": ["0c"],
    "return data out of bounds": [push("00", "01", "00") + "3e"],
    "a log in a static call": [STATIC_OTHER, push("00", "00") + "a0"],
    "a creation of nothing": [push("00", "00", "00") + "f000"],
    "a creation of code": ["6960016000536001601ff3600052" + push("0a", "16", "00") + "f000"],
    "a creation of code that may not be": ["69" + "60ef60005360206000f3" + "600052" + push("0a", "16", "00") + "f000"],
    "a creation without gas for it": ["65" + "6108006000f3" + "600052" + push("06", "1a", "00") + "f000"],
    "a precompile": [push("20", "00", "20", "00", "04") + "61fffffa00"],
    "self destruct": [CALL_OTHER, push("cc") + "ff"],
    "refunds": [push("00", "01") + "55" + push("05", "01") + "55" + push("00", "01") + "55"],
}
const TRACED = {}
for (const [name, [code, other]] of Object.entries(PROGRAMS)) {
    const contract = (c) => ({ balance: "0x1", code: "0x" + c, storage: { "0x01": "0x01" } });
    const pre = { ...alloc, [TO]: contract(code), [OTHER]: contract(other ?? "") };
    const c = one("Shanghai", pre, merged, { ...call, gas: "0x3d090" });
    c.options = ["--trace", "--trace.memory", "--trace.returndata"];
    TRACED[name] = c;
}
const as = (name, ...options) => ({ ...TRACED[name], options });
TRACED["self destruct, refunded"] = { ...TRACED["self destruct"], fork: "Berlin" };
TRACED["self destruct, refunded"].input = { ...TRACED["self destruct"].input, env: work };
TRACED["a full stack"].options = ["--trace", "--trace.nostack"];
TRACED["little said"] = as("a call that returns", "--trace", "--trace.nostack");
TRACED["calls said"] = as("self destruct", "--trace", "--trace.callframes", "--trace.memory=true");
TRACED["one dash"] = as("a call that reverts", "-trace", "-trace.memory=false", "-trace.returndata=1");
TRACED["nothing traced"] = as("refunds", "--trace=false", "--trace.memory");
TRACED["rejected ones between"] = { ...one("Cancun", alloc, cancun, call, { ...call, nonce: "0x9" },
    { ...blobs(7), nonce: "0x1" }, { ...call, nonce: "0x1", input: "0x01" }), options: ["--trace"] };

export const CASES = {}
for (const [group, cases] of Object.entries({ refused: REFUSED, malformed: MALFORMED, good: GOOD, traced: TRACED }))
    for (const [name, c] of Object.entries(cases)) CASES[`${group}: ${name}`] = c;

// Only what both have in the same form: the order of members is not compared.
function sorted(v) {
    if (v === null || typeof v !== "object" || Array.isArray(v)) return v;
    return Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]));
}

// A trace's lines, of a long one the number and the last; Go writes '<' as an escape.
function lines(text) {
    const all = text.split("\n").filter((line) => line !== "").map((line) => JSON.stringify(JSON.parse(line)));
    return all.length < 100 ? all : [`${all.length} lines`, ...all.slice(-3)];
}

// {status} or {status, result, alloc, traces: {file: lines}}.
export function runCase(program, { fork, options, input }) {
    const dir = mkdtempSync(join(tmpdir(), "metis-t8n-geth-"));
    try {
        const args = ["t8n", "--state.fork", fork, "--output.basedir", dir, ...options];
        for (const part of ["alloc", "env", "txs"]) args.push(`--input.${part}`, "stdin");
        args.push("--output.alloc", "stdout", "--output.result", "stdout");
        const run = spawnSync(program, args, { input: JSON.stringify(input), maxBuffer: 1 << 28 });
        if (run.status !== 0) return { status: run.status };
        const traces = {};
        for (const f of readdirSync(dir).sort())
            traces[f] = lines(readFileSync(join(dir, f), "utf8"));
        const out = JSON.parse(run.stdout);
        return { status: 0, result: sorted(out.result), alloc: sorted(out.alloc), traces };
    } finally {
        rmSync(dir, { recursive: true, force: true });
    }
}

// report(name, problem) for each case; problem "" when the program answers as geth.
export function compareWithGeth(program, report) {
    const wanted = JSON.parse(readFileSync(answers));
    for (const [name, c] of Object.entries(CASES)) {
        const want = wanted[name], got = runCase(program, c);
        let problem = got.status === want?.status ? "" : `status ${got.status}, geth ${want?.status}`;
        for (const part of problem === "" && got.status === 0 ? ["result", "alloc"] : [])
            if (JSON.stringify(got[part]) !== JSON.stringify(want[part]))
                problem = `${part} ${JSON.stringify(got[part])}\n  geth ${JSON.stringify(want[part])}`;
        if (problem === "" && got.status === 0) problem = compareTraces(got.traces, want.traces);
        report(`geth, ${name}`, problem);
    }
}

function compareTraces(got, want) {
    const files = Object.keys(got).join(" "), expected = Object.keys(want).join(" ");
    if (files !== expected) return `traces ${files}, geth ${expected}`;
    for (const f of Object.keys(want))
        for (let i = 0; i < Math.max(want[f].length, got[f].length); i++)
            if (got[f][i] !== want[f][i]) return `${f} line ${i}: ${got[f][i]}\n  geth ${want[f][i]}`;
    return "";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const rows = Object.entries(CASES).map(([name, c]) =>
        `${JSON.stringify(name)}: ${JSON.stringify(runCase(process.argv[2], c))}`);
    writeFileSync(answers, `{\n${rows.join(",\n")}\n}\n`);
}
