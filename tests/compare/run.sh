#!/bin/sh
# Builds everything, runs the comparison, writes Markdown: run.sh [--quick] [--rounds N] > comparison.md
set -eu
cd "$(dirname "$0")"
bin=${CARGO_TARGET_DIR:-target}/release

# One at a time: what one of them asks of a library must not change it for the others.
for package in compare-codec compare-servers compare-network; do
    cargo build --release --locked --package "$package" >&2
done
uwebsockets/build.sh "$bin" >&2 || echo "run.sh: uWebSockets is left out, it could not be built" >&2

"$bin/codec" "$@"
echo
"$bin/network" "$@"
