#!/bin/sh
# Builds everything, runs the comparison, writes Markdown: run.sh [deflate] [--quick] [--rounds N] > comparison.md
# With `deflate`: that part only.
set -eu
cd "$(dirname "$0")"
bin=${CARGO_TARGET_DIR:-target}/release

# permessage-deflate. Its packages differ in what they ask of flate2, and so in their zlib.
deflate() {
    for package in longwire zlib-rs c-zlib miniz; do
        cargo build --release --locked --package "compare-deflate-$package" >&2
    done
    cargo build --release --locked --package compare-deflate >&2
    "$bin/deflate" "$@"
}
if [ "${1:-}" = deflate ]; then
    shift
    deflate "$@"
    exit
fi

# One at a time: what one of them asks of a library must not change it for the others.
for package in compare-codec compare-servers compare-network; do
    cargo build --release --locked --package "$package" >&2
done
uwebsockets/build.sh "$bin" >&2 || echo "run.sh: uWebSockets is left out, it could not be built" >&2

"$bin/codec" "$@"
echo
"$bin/network" "$@"
echo
deflate "$@"
