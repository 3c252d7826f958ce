# Sourced by server.sh and client.sh.
lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ab_dir=${AUTOBAHN_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/autobahn-testsuite}
ab_timeout=${AUTOBAHN_TIMEOUT:-1800}
ab_jobs=${AUTOBAHN_JOBS:-1}

ab_install() {
  bash "$lib/install.sh" "$ab_dir" >&2 || exit 1
  ab_py="$ab_dir/bin/python"
  unset PYTHONPATH PYTHONHOME || true
  export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
}

ab_number() { # NAME VALUE
  case $2 in ''|*[!0-9]*) echo "autobahn: bad $1: '$2'" >&2; exit 2;; esac
}

# ab_listening PORT SECONDS: waits until something listens on PORT. Looks at the
# kernel's table, so that no stray connection is made.
ab_listening() {
  local hex end=$((SECONDS + $2))
  hex=$(printf '%04X' "$1")
  while :; do
    awk -v p=":$hex\$" '$4 == "0A" && $2 ~ p { f = 1 } END { exit !f }' /proc/net/tcp /proc/net/tcp6 2>/dev/null && return 0
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

# ab_outdir DIR: makes DIR and removes an earlier run's reports from it.
ab_outdir() {
  mkdir -p "$1" || exit 2
  rm -rf "$1"/part-[0-9]*
  find "$1" -maxdepth 1 -type f \( -name 'index.*' -o -name summary.json -o -name cases.json -o -name '*_case_*' \) -delete
}
