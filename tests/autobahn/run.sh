#!/bin/bash
# run.sh [--runtime tokio|smol|both] [--role server|client|both] [CASES...]
# Runs the Autobahn|Testsuite against `testee` on each runtime in each role and prints
# a table. Exit 0 only if every case of every run is strictly OK; summary.py says what
# that is. CASES are ids or patterns ('6.4.*' 7.1.5). Without any, the full set: the
# 301 cases that need no compression, or all 517, with testee's --deflate, when
# AUTOBAHN_ALL=1. The full set passes only if exactly that many cases ran.
# Environment: TESTEE (the program; without it, it is built), AUTOBAHN_OUT (folder for
# the reports; autobahn, or autobahn-deflate, in the target folder), AUTOBAHN_JOBS (2),
# AUTOBAHN_TIMEOUT (seconds for one run, 900; with compression 1800), AUTOBAHN_DIR and
# AUTOBAHN_EXCLUDE as in server.sh.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$(cd "$lib/../.." && pwd)

usage() { echo "usage: $0 [--runtime tokio|smol|both] [--role server|client|both] [CASES...]" >&2; exit 2; }
runtimes='tokio smol' roles='server client'
while [ $# -gt 0 ]; do
  case $1 in
    --runtime|--role) [ $# -ge 2 ] || usage ;;&
    --runtime) case $2 in tokio|smol) runtimes=$2 ;; both) ;; *) usage ;; esac; shift 2 ;;
    --role) case $2 in server|client) roles=$2 ;; both) ;; *) usage ;; esac; shift 2 ;;
    -*) usage ;;
    *) break ;;
  esac
done

export AUTOBAHN_JOBS=${AUTOBAHN_JOBS:-2}
ab_number AUTOBAHN_JOBS "$AUTOBAHN_JOBS"
flags= reports=autobahn patience=900
unset AUTOBAHN_EXPECT
if [ "${AUTOBAHN_ALL:-}" = 1 ]; then
  flags=--deflate reports=autobahn-deflate patience=1800
  [ $# -gt 0 ] || [ -n "${AUTOBAHN_EXCLUDE:-}" ] || export AUTOBAHN_EXPECT=517
elif [ $# -eq 0 ] && [ -z "${AUTOBAHN_EXCLUDE:-}" ]; then
  export AUTOBAHN_EXCLUDE='12.* 13.*' AUTOBAHN_EXPECT=301
fi
export AUTOBAHN_TIMEOUT=${AUTOBAHN_TIMEOUT:-$patience}

ab_install
if [ -n "${TESTEE:-}" ]; then
  target=$root/target
else
  cd "$root" || exit 1
  cargo build --release -p longwire-tests --bin testee || { echo "autobahn: testee does not build" >&2; exit 1; }
  target=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
  TESTEE=$target/release/testee
fi
[ -x "$TESTEE" ] || { echo "autobahn: no testee at $TESTEE" >&2; exit 1; }
TESTEE=$(realpath "$TESTEE")
out=${AUTOBAHN_OUT:-$target/$reports}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1

# free_ports N: the first of N free ports in a row. They are below the kernel's range for
# outgoing connections, so that none of the suite's own connections takes one meanwhile.
free_ports() {
  "$ab_py" - "$1" <<'PY'
import random, socket, sys
for _ in range(1000):
    base, held = random.randrange(20000, 32000), []
    try:
        for port in range(base, base + int(sys.argv[1])):
            held.append(socket.socket())
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held[-1].bind(('127.0.0.1', port))
        print(base)
        sys.exit(0)
    except socket.error:
        pass
sys.exit('autobahn: no free ports')
PY
}

server_role() { # RUNTIME OUTDIR [CASES...]
  local runtime=$1 dir=$2 port pid rc
  shift 2
  port=$(free_ports 1) || return 1
  "$TESTEE" serve --port "$port" --runtime "$runtime" $flags >"$dir/testee.log" 2>&1 </dev/null &
  pid=$!
  trap "kill $pid 2>/dev/null" EXIT
  bash "$lib/server.sh" "$port" "$dir" "longwire-$runtime" "$@"
  rc=$?
  # The same process has to be there still: a testee that died is no success.
  if ! kill -0 $pid 2>/dev/null; then echo "testee ended during the run: see $dir/testee.log"; rc=1; fi
  kill $pid 2>/dev/null
  for _ in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
  kill -KILL $pid 2>/dev/null
  trap - EXIT
  return $rc
}

client_role() { # RUNTIME OUTDIR [CASES...]
  local runtime=$1 dir=$2 port
  shift 2
  port=$(free_ports "$AUTOBAHN_JOBS") || return 1
  AGENT="longwire-$runtime" CLIENT_CMD="exec $(printf %q "$TESTEE") autobahn {url} --agent {agent} --runtime $runtime $flags" \
    bash "$lib/client.sh" "$port" "$dir" "$@"
}

row() { # RUNTIME ROLE STATUS OUTDIR: a line of the table, and what passed and failed to the tally
  "$ab_py" - "$@" <<'PY'
import json, os, sys
runtime, role, status, outdir = sys.argv[1:5]
try:
    s = json.load(open(os.path.join(outdir, 'summary.json')))
    a = s['agents'][0]
    n, total, bad, wall = a['counts'], a['total'], sum(x['bad_cases'] for x in s['agents']), s['wall_seconds']
except (IOError, ValueError, KeyError, IndexError):
    n, total, bad, wall = {}, 0, 1, 0
good = status == '0'
if not good:
    bad = max(bad, 1)
print('%-7s %-6s %6d %6d %10d %13d %13d %6d %11d %7d %7d  %s' % (
    runtime, role, total, n.get('OK', 0), n.get('NON-STRICT', 0), n.get('INFORMATIONAL', 0), n.get('UNIMPLEMENTED', 0),
    n.get('FAILED', 0), n.get('WRONG CLOSE', 0), n.get('MISSING', 0), wall, 'ok' if good else 'FAILED'))
print('%d %d' % (max(total - bad, 0), bad))
PY
}

table=$(printf '%-7s %-6s %6s %6s %10s %13s %13s %6s %11s %7s %7s  %s' runtime role cases OK NON-STRICT \
  INFORMATIONAL UNIMPLEMENTED FAILED 'WRONG CLOSE' MISSING seconds result)
passed=0 failed=0
for runtime in $runtimes; do
  for role in $roles; do
    dir=$out/$runtime-$role
    rm -rf "$dir"; mkdir -p "$dir" || exit 1
    echo "autobahn: $role on $runtime, reports in $dir"
    ( "${role}_role" "$runtime" "$dir" "$@" )
    tally=$(row "$runtime" "$role" $? "$dir") || tally=$'FAILED\n0 1'
    table+=$'\n'${tally%$'\n'*}
    read -r p f <<<"${tally##*$'\n'}"
    passed=$((passed + p)) failed=$((failed + f))
  done
done
printf '\n%s\n' "$table"
echo "autobahn: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
