#!/bin/bash
# run.sh [--runtime tokio|smol|both]
# Interoperation of `testee` with ws (Node) and websockets (Python), each as the client
# and as the server, plain and with permessage-deflate; and of `testee session`, whose ping
# fences they answer. Installs the pinned versions when they are missing: node_modules
# beside this file, a virtual environment in the cache folder. Where npm or pip is
# missing it says `skipped: ...`; with REQUIRE_INTEROP=1 that is a failure.
# The last line is `interop: N passed, N failed`. Exit 0 only if nothing failed and
# something passed, or everything was skipped.
# Environment: TESTEE (the program; without it, it is built), REQUIRE_INTEROP,
# INTEROP_TIMEOUT (seconds for one script, 600).
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() { echo "usage: $0 [--runtime tokio|smol|both]" >&2; exit 2; }
runtimes='tokio smol'
while [ $# -gt 0 ]; do
  [ "$1" = --runtime ] && [ $# -ge 2 ] || usage
  case $2 in tokio|smol) runtimes=$2 ;; both) ;; *) usage ;; esac
  shift 2
done

passed=0 failed=0 skipped=0
skip() {
  echo "skipped: $1"
  if [ "${REQUIRE_INTEROP:-}" = 1 ]; then echo "not ok - REQUIRE_INTEROP=1: $1"; failed=$((failed + 1)); else skipped=$((skipped + 1)); fi
}

# node_ready: status 0 when ws is there in the version of package-lock.json.
node_ready() {
  local want have='require(process.argv[1]).version'
  want=$(node -p 'require(process.argv[1]).packages["node_modules/ws"].version' "$here/package-lock.json") || return 1
  [ "$(node -p "$have" "$here/node_modules/ws/package.json" 2>/dev/null)" = "$want" ] && return 0
  (cd "$here" && timeout 300 npm ci --no-audit --no-fund) >"$log/npm.log" 2>&1 </dev/null || { tail -n 5 "$log/npm.log"; return 1; }
  [ "$(node -p "$have" "$here/node_modules/ws/package.json")" = "$want" ]
}

# python_ready: status 0, and the interpreter in $python, when requirements.txt is installed.
python_ready() {
  local cache venv
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/longwire-interop
  venv=$cache/$(sha256sum <"$here/requirements.txt" | cut -c1-16)
  python=$venv/bin/python
  mkdir -p "$cache" && exec 9>"$cache/lock" && flock 9 || return 1
  if [ ! -f "$venv/.done" ] || ! "$python" -c 'import websockets' 2>/dev/null; then
    { rm -rf "$venv" && python3 -m venv "$venv" &&
      timeout 300 "$python" -m pip install --disable-pip-version-check --no-input -r "$here/requirements.txt" &&
      touch "$venv/.done"; } >"$log/pip.log" 2>&1 </dev/null || { exec 9>&-; tail -n 5 "$log/pip.log"; return 1; }
  fi
  exec 9>&-
}

script() { # RUNTIME COMMAND...: runs it and counts its lines; one that is cut off or ends oddly is a failure too
  local runtime=$1 name rc ok bad plan
  shift
  name=$(basename "${*: -1}")
  echo "== $name, testee on $runtime"
  timeout -k 5 "${INTEROP_TIMEOUT:-600}" "$@" "$TESTEE" "$runtime" </dev/null 2>&1 | tee "$log/$name-$runtime.log"
  rc=${PIPESTATUS[0]}
  ok=$(grep -c '^ok - ' "$log/$name-$runtime.log")
  bad=$(grep -c '^not ok - ' "$log/$name-$runtime.log")
  plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log/$name-$runtime.log")
  passed=$((passed + ok)) failed=$((failed + bad))
  if [ "$plan" != $((ok + bad)) ] || { [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; } || [ "$ok" -eq 0 ]; then
    echo "not ok - $name on $runtime ended with status $rc after $((ok + bad)) checks of ${plan:-an unknown number}"
    failed=$((failed + 1))
  fi
}

log=$(mktemp -d) || exit 1
trap 'rm -rf "$log"' EXIT
peers=()
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then skip "ws: node or npm is missing"
elif node_ready; then peers+=(node)
else skip "ws: npm cannot install it"; fi
if ! command -v python3 >/dev/null || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then skip "websockets: python3 with venv and pip is missing"
elif python_ready; then peers+=(python)
else skip "websockets: pip cannot install it"; fi

if [ ${#peers[@]} -gt 0 ]; then
  if [ -z "${TESTEE:-}" ]; then
    cd "$root" || exit 1
    cargo build --release -p longwire-tests --bin testee || { echo "interop: testee does not build" >&2; exit 1; }
    TESTEE=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release/testee
  fi
  [ -x "$TESTEE" ] || { echo "interop: no testee at $TESTEE" >&2; exit 1; }
  TESTEE=$(realpath "$TESTEE")
  export PYTHONDONTWRITEBYTECODE=1
  for runtime in $runtimes; do
    for peer in "${peers[@]}"; do
      for role in client server deflate_client deflate_server session; do
        case $peer in
          node) script "$runtime" node "$here/node_$role.mjs" ;;
          python) script "$runtime" "$python" "$here/python_$role.py" ;;
        esac
      done
    done
  done
fi
echo "interop: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
