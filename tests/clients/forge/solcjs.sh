#!/bin/sh
# npm's solc with the face of the native one, as forge calls it.
here=$(cd "$(dirname "$0")" && pwd)
if [ "$1" = --version ]; then
    echo "solc, the solidity compiler commandline interface"
    echo "Version: 0.8.37+commit.00000000.Linux.g++"
else
    exec node -e '
        const solc = require(process.argv[1])
        process.stdout.write(solc.compile(require("fs").readFileSync(0, "utf8")))
    ' "$here/../node_modules/solc"
fi
