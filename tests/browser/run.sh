#!/bin/sh
# Drives the chat example in headless Chromium, and has it talk to testee with permessage-deflate; on both runtimes.
#
#   CHAT_BIN         the chat binary, absolute or from this folder (default: ../../target/release/examples/chat)
#   TESTEE           the testee binary, likewise (default: ../../target/release/testee)
#   CHROMIUM         the browser (default: /usr/bin/chromium)
#   SCREENSHOTS      a folder for screenshots (default: none are taken)
#   REQUIRE_BROWSER  1: a missing npm or browser is a failure, not a skip
set -eu
cd "$(dirname "$0")"

missing() {
    echo "skipped: $1"
    [ "${REQUIRE_BROWSER:-0}" != 1 ] || exit 1
    exit 0
}

CHAT_BIN=${CHAT_BIN:-../../target/release/examples/chat}
TESTEE=${TESTEE:-../../target/release/testee}
CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
export CHAT_BIN TESTEE CHROMIUM

command -v node >/dev/null || missing "node is not installed"
command -v npm >/dev/null || missing "npm is not installed"
[ -x "$CHROMIUM" ] || missing "no Chromium at $CHROMIUM"
if [ ! -x "$CHAT_BIN" ]; then
    echo "no chat binary at $CHAT_BIN: cargo build --release --example chat" >&2
    exit 1
fi
if [ ! -x "$TESTEE" ]; then
    echo "no testee at $TESTEE: cargo build --release -p longwire-tests --bin testee" >&2
    exit 1
fi
[ -d node_modules/playwright-core ] || npm ci --no-audit --no-fund --loglevel=error

for runtime in tokio smol; do
    echo "chat on $runtime"
    node chat.mjs --runtime "$runtime"
    echo "deflate, testee on $runtime"
    node deflate.mjs --runtime "$runtime"
done
