#!/bin/bash
# run.sh [--only NAME]... [--seconds S] [--runtime tokio|smol|both] [--mean S] [--seed N]
# Long connections over networks that fail: a client on each runtime and a server on the
# other send each other numbered messages while the server is killed, restarted or
# stopped, the network taken away, packets dropped, or connections cut at random.
# Then nothing may be missing, out of order, or there twice without having been announced.
# --only: kill, restart, stop, sleep, link, drop, refuse, loss, proxy; may be repeated.
# --seconds: how long the proxy cuts, 60 by default, with 10,000 messages each way in a
#   minute; the other cases take as long, but 20 seconds at most. --mean: after how many
#   seconds, on average, it cuts a connection, 0.7 by default.
# Prints a table in Markdown; the last line is `network: N passed, N failed, N skipped`.
# Exit 0 only if nothing failed. What the machine cannot do is `skipped: ...`: network
# namespaces need root and iproute2; dropping packets needs tc with netem, or nft.
# Environment: EXCHANGE (the program; without it, it is built).
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

if [ -z "${EXCHANGE:-}" ]; then
  cd "$root" || exit 1
  cargo build --release -p longwire-tests --bin exchange || { echo "network: exchange does not build" >&2; exit 1; }
  EXCHANGE=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release/exchange
fi
[ -x "$EXCHANGE" ] || { echo "network: no exchange at $EXCHANGE" >&2; exit 1; }
command -v python3 >/dev/null || { echo "skipped: python3 is missing"; exit 0; }
export PYTHONDONTWRITEBYTECODE=1
# Whoever judges has to be able to say no.
python3 "$here/judge_test.py" || exit 1
exec timeout -k 10 "${NETWORK_TIMEOUT:-1800}" python3 "$here/network.py" --exchange "$(realpath "$EXCHANGE")" "$@"
