#!/bin/bash
# server.sh PORT OUTDIR AGENT [CASES...]
# Runs the Autobahn fuzzing client against the WebSocket echo server that listens
# on 127.0.0.1:PORT already. CASES are ids or patterns ('1.*' 9.1.1); all by default.
# Reports go to OUTDIR (index.html, index.json, summary.json, wstest.log). The last
# line printed is the tally. Exit 0 only if every case ran and was as summary.py asks.
# Environment: AUTOBAHN_DIR (the install, made when missing; autobahn-testsuite in the cache folder),
# AUTOBAHN_JOBS (wstest processes that share the cases, 1; with more, each has its
# reports in OUTDIR/part-N and the times are no measure), AUTOBAHN_EXCLUDE (patterns
# to leave out), AUTOBAHN_QUICK=1 (no compression cases of 32 KiB and more),
# AUTOBAHN_PATH (URL path, /), AUTOBAHN_TIMEOUT (seconds for the run, 1800).
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 3 ] || { echo "usage: $0 PORT OUTDIR AGENT [CASES...]" >&2; exit 2; }
port=$1 agent=$3
ab_number port "$port"; ab_number AUTOBAHN_JOBS "$ab_jobs"
ab_outdir "$2"; outdir=$(cd "$2" && pwd)
shift 3

ab_install
ab_listening "$port" 10 || { echo "autobahn server: nothing listens on port $port"; exit 1; }
parts=$("$ab_py" "$lib/cases.py" "$outdir" server "$port" "${AUTOBAHN_PATH:-/}" "$agent" "$ab_jobs" "$@") || exit 2

start=$SECONDS pids=() rc=0
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
while read -r part; do
  timeout -k 60 "$ab_timeout" "$ab_py" "$lib/wstest.py" -m fuzzingclient -s "$part/spec.json" \
    >"$part/wstest.log" 2>&1 </dev/null &
  pids+=($!)
done <<<"$parts"
for pid in "${pids[@]}"; do wait "$pid" || rc=$?; done
trap - EXIT
if [ $rc -ne 0 ]; then
  while read -r part; do echo "wstest ended with status $rc; the end of $part/wstest.log:"; tail -n 5 "$part/wstest.log"; done <<<"$parts"
fi
"$ab_py" "$lib/summary.py" server "$outdir" "$rc" "$((SECONDS - start))"
