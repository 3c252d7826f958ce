#!/bin/bash
# client.sh PORT OUTDIR [CASES...]
# Starts the Autobahn fuzzing server on 127.0.0.1:PORT and runs the client testee
# given in CLIENT_CMD against it (a shell command; {url} becomes
# ws://127.0.0.1:PORT, {agent} the value of AGENT). CASES are ids or patterns; all
# by default. The testee asks {url}/getCaseCount for the number of cases (one text
# message) and echoes on {url}/runCase?case=N&agent=NAME for N in 1..count. It need not
# ask for {url}/updateReports?agent=NAME: the reports are written in any case.
# Reports go to OUTDIR (index.html, index.json, summary.json, wstest.log,
# client.log). The last line printed is the tally. Exit 0 only if every case ran and
# was as summary.py asks, and the testee ended with 0.
# Environment: CLIENT_CMD (required), AGENT (testee), and as in server.sh
# AUTOBAHN_DIR, AUTOBAHN_JOBS (that many fuzzing servers, on PORT and the ports after
# it, each with a testee of its own), AUTOBAHN_EXCLUDE, AUTOBAHN_QUICK,
# AUTOBAHN_TIMEOUT.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 2 ] || { echo "usage: CLIENT_CMD='cmd {url}' $0 PORT OUTDIR [CASES...]" >&2; exit 2; }
[ -n "${CLIENT_CMD:-}" ] || { echo "autobahn client: CLIENT_CMD is not set" >&2; exit 2; }
port=$1
ab_number port "$port"; ab_number AUTOBAHN_JOBS "$ab_jobs"
ab_outdir "$2"; outdir=$(cd "$2" && pwd)
shift 2

ab_install
parts=$("$ab_py" "$lib/cases.py" "$outdir" client "$port" / "" "$ab_jobs" "$@") || exit 2

# One part: PORT FOLDER. Its status is the testee's.
part_run() {
  local port=$1 part=$2 url="ws://127.0.0.1:$1" server client cmd rc
  if ab_listening "$port" 0; then echo "autobahn client: port $port is taken"; return 1; fi
  "$ab_py" "$lib/wstest.py" -m fuzzingserver -u 0 -s "$part/spec.json" >"$part/wstest.log" 2>&1 </dev/null &
  server=$!
  trap "kill -KILL $server 2>/dev/null" EXIT
  if ! ab_listening "$port" 20 || ! kill -0 $server 2>/dev/null; then
    echo "autobahn client: the fuzzing server did not start"; tail -n 5 "$part/wstest.log"; return 1
  fi
  cmd=${CLIENT_CMD//'{url}'/$url}
  cmd=${cmd//'{agent}'/${AGENT:-testee}}
  timeout -k 5 "$ab_timeout" bash -c "$cmd" >"$part/client.log" 2>&1 </dev/null &
  client=$!
  trap "kill $client 2>/dev/null; kill -KILL $server 2>/dev/null" EXIT
  wait $client
  rc=$?
  trap "kill -KILL $server 2>/dev/null" EXIT
  [ $rc -eq 0 ] || { echo "the client ended with status $rc; the end of $part/client.log:"; tail -n 5 "$part/client.log"; }
  # Have the server write its reports, whatever the testee did, and end.
  kill $server 2>/dev/null
  for _ in $(seq 600); do kill -0 $server 2>/dev/null || break; sleep 0.1; done
  kill -KILL $server 2>/dev/null; wait $server 2>/dev/null
  trap - EXIT
  [ -f "$part/index.json" ] || echo "the fuzzing server wrote no report: see $part/wstest.log"
  return $rc
}

start=$SECONDS pids=() rc=0
while read -r part; do
  ( part_run "$port" "$part" ) &
  pids+=($!)
  port=$((port + 1))
done <<<"$parts"
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
for pid in "${pids[@]}"; do wait "$pid" || rc=$?; done
trap - EXIT
"$ab_py" "$lib/summary.py" client "$outdir" "$rc" "$((SECONDS - start))"
