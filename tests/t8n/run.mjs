// metis-evm t8n against public fixtures: blocks of the chain archive and state tests are
// turned into alloc, env and txs; roots, gas and the state after must be the fixture's.
// Before that the command line, exit statuses, and small blocks with go-ethereum's answers
// (geth.mjs). `node run.mjs --bin build/metis-evm [--every N] FOLDER...`
// (N: each N-th file only). Last line: `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareWithGeth } from "./geth.mjs";

const args = process.argv.slice(2);
const take = (name, none) => {
    const at = args.indexOf(name);
    return at < 0 ? none : args.splice(at, 2)[1];
};
const bin = take("--bin", "build/metis-evm");
const every = Number(take("--every", "1"));
const dir = mkdtempSync(join(tmpdir(), "metis-t8n-"));
let passed = 0;
let failed = 0;

function report(name, problem) {
    if (problem === "") {
        passed++;
    } else {
        failed++;
        console.log(`FAIL ${name}: ${problem}`);
    }
}

function* files(path) {
    if (!statSync(path).isDirectory()) {
        yield path;
        return;
    }
    for (const entry of readdirSync(path).sort())
        if (!entry.startsWith(".") && !entry.startsWith("index"))
            yield* files(join(path, entry));
}

// ---- RLP, as much as a block needs: [start, end) of the items of a list ----
function header(b, at) {
    const x = b[at];
    const short = x < 0xc0 ? 0x80 : 0xc0;
    if (x < 0x80) return [at, at + 1];
    const n = x - short;
    if (n <= 55) return [at + 1, at + 1 + n];
    let len = 0;
    for (let i = 0; i < n - 55; i++) len = len * 256 + b[at + 1 + i];
    return [at + 1 + n - 55, at + 1 + n - 55 + len];
}

function items(b, at) {
    const [start, end] = header(b, at);
    const out = [];
    for (let i = start; i < end; ) {
        out.push(i);
        i = header(b, i)[1];
    }
    return out;
}

// The transactions of a block's RLP as a list in hex.
function transactionsOf(rlp) {
    const b = Buffer.from(rlp.slice(2), "hex");
    const list = items(b, 0)[1];
    return "0x" + b.subarray(list, header(b, list)[1]).toString("hex");
}

function list(rlps) {
    const body = Buffer.concat(rlps);
    if (body.length <= 55) return Buffer.concat([Buffer.from([0xc0 + body.length]), body]);
    let len = body.length.toString(16);
    if (len.length % 2) len = "0" + len;
    return Buffer.concat([Buffer.from([0xf7 + len.length / 2]), Buffer.from(len, "hex"), body]);
}

// A transaction's bytes as an item of a list: typed ones are strings.
function item(raw) {
    const b = Buffer.from(raw.slice(2), "hex");
    if (b[0] >= 0xc0) return b;
    const head = list([b]);
    head[0] -= 0x40;
    return head;
}

// ---- running ----
function t8n(input, fork, options = [], viaStdin = true) {
    const flags = ["t8n", "--state.fork", fork, ...options];
    if (viaStdin) {
        for (const part of ["alloc", "env", "txs"]) flags.push(`--input.${part}`, "stdin");
        flags.push("--output.alloc", "stdout", "--output.result", "stdout", "--output.body", "stdout");
    }
    const run = spawnSync(bin, flags, {
        input: viaStdin ? JSON.stringify(input) : undefined,
        maxBuffer: 1 << 30,
    });
    let out = {};
    if (run.status === 0 && run.stdout.length > 0) out = JSON.parse(run.stdout);
    return { status: run.status, stderr: run.stderr.toString().trim(), ...out };
}

const REWARDS = { Frontier: 5n, Homestead: 5n, EIP150: 5n, EIP158: 5n, Byzantium: 3n };
const WORK = ["Constantinople", "ConstantinopleFix", "Istanbul", "MuirGlacier", "Berlin", "London",
    "ArrowGlacier", "GrayGlacier"];

function rewardOf(fork) {
    if (fork in REWARDS) return String(REWARDS[fork] * 10n ** 18n);
    return WORK.includes(fork) ? String(2n * 10n ** 18n) : "-1";
}

function envOf(block, parent, hashes) {
    const h = block.blockHeader;
    const env = {
        currentCoinbase: h.coinbase,
        currentGasLimit: h.gasLimit,
        currentNumber: h.number,
        currentTimestamp: h.timestamp,
        parentTimestamp: parent.timestamp,
        parentGasUsed: parent.gasUsed,
        parentGasLimit: parent.gasLimit,
        blockHashes: hashes,
    };
    if (BigInt(h.difficulty) === 0n) env.currentRandom = h.mixHash;
    else env.currentDifficulty = h.difficulty;
    if (parent.baseFeePerGas !== undefined) env.parentBaseFee = parent.baseFeePerGas;
    else if (h.baseFeePerGas !== undefined) env.currentBaseFee = h.baseFeePerGas;
    if (h.parentBeaconBlockRoot !== undefined) {
        env.parentBeaconBlockRoot = h.parentBeaconBlockRoot;
        env.parentExcessBlobGas = parent.excessBlobGas ?? "0x0";
        env.parentBlobGasUsed = parent.blobGasUsed ?? "0x0";
    }
    if (block.withdrawals !== undefined) env.withdrawals = block.withdrawals;
    return env;
}

// result member -> header member
const SAME = {
    stateRoot: "stateRoot",
    txRoot: "transactionsTrie",
    receiptsRoot: "receiptTrie",
    logsBloom: "bloom",
    withdrawalsRoot: "withdrawalsRoot",
    requestsHash: "requestsHash",
};
const SAME_NUMBER = {
    gasUsed: "gasUsed",
    currentBaseFee: "baseFeePerGas",
    currentExcessBlobGas: "excessBlobGas",
    blobGasUsed: "blobGasUsed",
};

function compare(got, want, body, txs) {
    for (const [a, b] of Object.entries(SAME))
        if (want[b] !== undefined && got[a] !== want[b]) return `${a} ${got[a]}, not ${want[b]}`;
    for (const [a, b] of Object.entries(SAME_NUMBER))
        if (want[b] !== undefined && BigInt(got[a] ?? -1) !== BigInt(want[b]))
            return `${a} ${got[a]}, not ${want[b]}`;
    if (got.rejected !== undefined) return `rejected: ${JSON.stringify(got.rejected)}`;
    return body === txs ? "" : "another body";
}

function runChain(name, test, count) {
    let alloc = test.pre;
    let parent = test.genesisBlockHeader;
    const hashes = { [String(BigInt(parent.number))]: parent.hash };
    for (const [i, block] of test.blocks.entries()) {
        if (block.blockHeader === undefined || block.expectException !== undefined) continue;
        if (BigInt(block.blockHeader.number) !== BigInt(parent.number) + 1n) break;
        const txs = transactionsOf(block.rlp);
        const env = envOf(block, parent, hashes);
        const input = { alloc, env };
        if (count.n++ % 2 === 0) input.txsRlp = txs;
        else input.txs = block.transactions;
        const out = t8n(input, test.network, ["--state.reward", rewardOf(test.network),
            "--state.chainid", test.config?.chainid ?? "1"]);
        const problem = out.status === 0 ? compare(out.result, block.blockHeader, out.body, txs)
            : `status ${out.status}: ${out.stderr}`;
        report(`${name} block ${i}`, problem);
        if (problem !== "") return;
        alloc = out.alloc;
        parent = block.blockHeader;
        hashes[String(BigInt(parent.number))] = parent.hash;
    }
}

const SYSTEM_CALLS = ["Prague", "Osaka", "Amsterdam"];

// A state test with its secretKey: our signature must give the fixture's bytes.
function runState(name, test, fork, entry) {
    const { env: e, transaction: x } = test;
    const at = entry.indexes;
    const signed = { ...x, data: undefined, input: x.data[at.data], gas: x.gasLimit[at.gas],
        value: x.value[at.value], gasLimit: undefined };
    if (x.accessLists !== undefined) signed.accessList = x.accessLists[at.data] ?? undefined;
    if (x.maxFeePerBlobGas !== undefined) signed.type = "0x3";
    else if (x.authorizationList !== undefined) signed.type = "0x4";
    else if (x.maxFeePerGas !== undefined) signed.type = "0x2";
    else if (signed.accessList !== undefined) signed.type = "0x1";
    const raw = Buffer.from(entry.txbytes.slice(2), "hex");
    if (raw[0] >= 0xc0) {
        if (signed.type !== undefined) return;
        signed.protected = raw[items(raw, 0)[6]] > 28; // v: one byte, 27 or 28 without chain id
    }
    const env = { ...e, withdrawals: [], parentBeaconBlockRoot: "0x" + "00".repeat(32) };
    if (fork === "Paris" || !(fork in REWARDS || WORK.includes(fork))) delete env.currentDifficulty;
    const out = t8n({ alloc: test.pre, env, txs: [signed] }, fork, ["--state.reward", "-1"]);
    let problem = "";
    // Without a recipient these types have no form: the run ends, as go-ethereum's does.
    const formless = Number(signed.type ?? 0) >= 3 && !x.to && /_TX_CONTRACT_CREATION$/.test(entry.expectException);
    if (formless) problem = out.status === 10 ? "" : `status ${out.status}, should be 10`;
    else if (out.status !== 0) problem = `status ${out.status}: ${out.stderr}`;
    else if (out.result.stateRoot !== entry.hash) problem = `root ${out.result.stateRoot}`;
    else if (out.result.logsHash !== entry.logs) problem = `logs ${out.result.logsHash}`;
    else if (entry.expectException !== undefined) problem = out.result.rejected?.length === 1 ? "" : "accepted";
    else if (out.body !== "0x" + list([item(entry.txbytes)]).toString("hex")) problem = "signed otherwise";
    report(name, problem);
}

function runFile(path, count) {
    const doc = JSON.parse(readFileSync(path));
    for (const [name, test] of Object.entries(doc)) {
        if (test.blocks !== undefined) runChain(name, test, count);
        for (const [fork, entries] of Object.entries(test.post ?? {})) {
            const entry = entries[0];
            if (SYSTEM_CALLS.includes(fork) || test.transaction?.secretKey === undefined) continue;
            runState(`${name} ${fork}`, test, fork, entry);
        }
    }
}

// ---- statuses ----
const ALLOC = { "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": { balance: "0xde0b6b3a7640000" } };
const ENV = { currentCoinbase: "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", currentGasLimit: "0x989680",
    currentNumber: "5", currentTimestamp: "1000", currentRandom: "0x0", currentBaseFee: "0x7",
    withdrawals: [] };
const KEY = "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8";
const CALL = { nonce: "0x0", gas: "0x186a0", gasPrice: "0x7", value: "0x0", input: "0x", v: "0x0", r: "0x0",
    s: "0x0", to: "0x00000000000000000000000000000000000000aa", secretKey: KEY };

function runStatuses() {
    const alloc = ALLOC, env = ENV, call = CALL;
    const asksHash = { ...alloc, "0x00000000000000000000000000000000000000aa": { balance: "0x0", code: "0x600440600055" } };
    const cases = [
        ["a block without transactions", { alloc, env, txs: [] }, "Shanghai", 0],
        ["a hash that was not given", { alloc: asksHash, env, txs: [call] }, "Shanghai", 4],
        ["a fork that is none", { alloc, env, txs: [] }, "Tomorrow", 3],
        ["no random after the merge", { alloc, env: { ...env, currentRandom: undefined }, txs: [] }, "Paris", 3],
        ["no withdrawals in Shanghai", { alloc, env: { ...env, withdrawals: undefined }, txs: [] }, "Shanghai", 3],
        ["no beacon root in Cancun", { alloc, env, txs: [] }, "Cancun", 3],
        ["no base fee in London", { alloc, env: { ...env, currentBaseFee: undefined, currentDifficulty: "0x20000" },
            txs: [] }, "London", 3],
        ["no difficulty before the merge", { alloc, env, txs: [] }, "Berlin", 3],
        ["a coinbase that is none", { alloc, env: { ...env, currentCoinbase: "0x12" }, txs: [] }, "Shanghai", 10],
        ["a transaction without gas", { alloc, env, txs: [{ ...call, gas: undefined }] }, "Shanghai", 10],
        ["a balance that is none", { alloc: { "0x12": {} }, env, txs: [] }, "Shanghai", 10],
        ["an RLP list that is none", { alloc, env, txsRlp: "0xc3" }, "Shanghai", 12],
        ["no system contracts in Prague", { alloc, env: { ...env, parentBeaconBlockRoot: "0x" + "00".repeat(32) },
            txs: [] }, "Prague", 2],
    ];
    for (const [name, input, fork, want] of cases) {
        const out = t8n(input, fork);
        report(name, out.status === want ? "" : `status ${out.status}, should be ${want}: ${out.stderr}`);
    }
    const rejected = t8n({ alloc, env, txs: [{ ...call, nonce: "0x9" }] }, "Shanghai");
    report("a nonce too high", rejected.result?.rejected?.[0]?.error?.includes("nonce too high") ? "" : JSON.stringify(rejected));
    const files = { alloc, env, txs: [call] };
    for (const [part, value] of Object.entries(files)) writeFileSync(join(dir, `${part}.json`), JSON.stringify(value));
    writeFileSync(join(dir, "txs.rlp"), '"0xc0"\n');
    writeFileSync(join(dir, "bad.json"), "{");
    const from = (txs) => ["--input.alloc", join(dir, "alloc.json"), `--input.env=${join(dir, "env.json")}`,
        "--input.txs", join(dir, txs), "--output.basedir", join(dir, "out/deep")];
    const written = t8n(undefined, "Shanghai", from("txs.json"), false);
    let problem = written.status === 0 ? "" : `status ${written.status}: ${written.stderr}`;
    if (problem === "") {
        const result = JSON.parse(readFileSync(join(dir, "out/deep/result.json")));
        const after = JSON.parse(readFileSync(join(dir, "out/deep/alloc.json")));
        if (result.receipts?.length !== 1 || Object.keys(after).length === 0) problem = JSON.stringify(result);
    }
    report("files in, files out", problem);
    for (const [name, txs, want] of [["an RLP file", "txs.rlp", 0], ["a file that is not there", "none.json", 11],
        ["a file that is not JSON", "bad.json", 10]]) {
        const out = t8n(undefined, "Shanghai", from(txs), false);
        report(name, out.status === want ? "" : `status ${out.status}, should be ${want}: ${out.stderr}`);
    }
}

// ---- the command line, as fillers of tests use it ----
function runCommandLine() {
    const run = (...line) => spawnSync(bin, line, { input: '{"env":{},"txs":[]}' });
    for (const flag of ["-v", "--version"]) {
        const said = run(flag);
        report(`version by ${flag}`, said.status === 0 && /^evm version \d+\.\d+\.\d+-metisd-/.test(said.stdout)
            ? "" : `status ${said.status}: ${said.stdout}`);
    }
    for (const line of [["t8n", "--help"], ["t8n", "-h"], ["transition", "-help"], ["--verbosity", "3", "t8n", "--help"],
        ["-verbosity=3", "t8n", "--verbosity", "1", "--help"]]) {
        const said = run(...line);
        const missing = ["--state.fork", "--trace.memory", "Frontier", "Cancun", "Prague", "Osaka"]
            .filter((word) => !said.stdout.includes(word));
        report(line.join(" "), said.status === 0 && missing.length === 0 ? "" : `status ${said.status}, without ${missing}`);
    }
    const files = ["--input.alloc=stdin", "-input.env", "stdin", "-input.txs=stdin"];
    for (const [line, want, says] of [
        [["--no.such"], 1, "no.such"], [["--trace=maybe"], 1, "--trace=maybe"], [["--state.fork"], 1, "state.fork"],
        [["stray"], 1, "stray"], [["--state.reward", "many"], 1, "reward"],
        [[...files, "-state.fork=Tomorrow"], 3, "unsupported fork \"Tomorrow\""]]) {
        const said = run("t8n", ...line);
        report(`t8n ${line.join(" ")}`, said.status === want && said.stderr.includes(says) ? ""
            : `status ${said.status}: ${said.stderr}`);
    }
}

// A tracer with a name is refused; where no file can be made, a trace is not forgone silently.
function runTraceErrors() {
    const input = { alloc: ALLOC, env: ENV, txs: [CALL] };
    for (const [name, options, want, says] of [
        ["a named tracer", ["--trace.tracer", "callTracer", "--trace.jsonconfig", "{}"], 3, "callTracer"],
        ["a folder that cannot be", ["--trace", "--output.basedir", "/dev/null/x"], 11, "trace-0-0x"]]) {
        const out = t8n(input, "Shanghai", options);
        report(name, out.status === want && out.stderr.includes(says) ? "" : `status ${out.status}: ${out.stderr}`);
    }
}

try {
    runCommandLine();
    runStatuses();
    runTraceErrors();
    compareWithGeth(bin, report);
    const count = { n: 0 };
    for (const folder of args) {
        let i = 0;
        for (const path of files(folder)) if (i++ % every === 0) runFile(path, count);
    }
} finally {
    rmSync(dir, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(passed > 0 && failed === 0 ? 0 : 1);
