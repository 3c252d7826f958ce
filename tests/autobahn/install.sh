#!/bin/bash
# install.sh DIR
# Installs the Autobahn|Testsuite (wstest) into a Python 2.7 virtualenv at DIR.
# Idempotent: returns at once when DIR already holds a working install of this
# very list of packages. No prompts. Needs: a Python 2.7 interpreter with ssl
# and zlib (found under pyenv, or given in AUTOBAHN_PYTHON2), a C compiler (for
# the masking/UTF-8 accelerator only), and the package index that pip uses.
set -euo pipefail

[ $# -eq 1 ] && [ -n "$1" ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# Everything pinned, transitive dependencies included; installed with --no-deps.
pins='setuptools==44.0.0
six==1.16.0
txaio==2.1.0
ujson==2.0.3
zope.interface==4.6.0
PyHamcrest==1.10.1
incremental==16.10.1
idna==2.10
typing==3.10.0.0
hyperlink==21.0.0
attrs==21.4.0
constantly==15.1.0
Automat==22.10.0
Twisted==19.10.0
autobahn==0.10.9
markupsafe==1.1.1
jinja2==2.11.3
ipaddress==1.0.23
pycparser==2.21
cffi==1.15.1
enum34==1.1.10
cryptography==3.3.2
pyOpenSSL==19.1.0
Werkzeug==1.0.1
klein==17.10.0
pyasn1==0.5.1
pyasn1-modules==0.3.0
service-identity==18.1.0
linecache2==1.0.0
traceback2==1.4.0
argparse==1.4.0
unittest2==1.1.0
autobahntestsuite==25.10.1'
accel='wsaccel==0.6.6'   # optional: compiled; without it 9.* takes several times longer
venvpkg='virtualenv==16.7.12'   # the last line with no dependencies; carries pip 20.3.4 for 2.7

stamp="$dir/.autobahn-installed"
want=$(printf '%s\n%s\n%s\n' "$pins" "$accel" "$venvpkg" | sha256sum | cut -d' ' -f1)

works() { "$dir/bin/python" -c 'import autobahntestsuite.wstest' >/dev/null 2>&1; }

exec 9>"$dir/.autobahn-lock"
flock 9

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && works; then
  echo "autobahn: already installed in $dir"
  exit 0
fi

py=
for c in "${AUTOBAHN_PYTHON2:-}" \
         "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 \
         "$(command -v python2.7 || true)" "$(command -v python2 || true)"; do
  [ -n "$c" ] && [ -x "$c" ] || continue
  if "$c" -c 'import sys, ssl, zlib, hashlib, pip; assert sys.version_info[:2] == (2, 7)' >/dev/null 2>&1; then
    py=$c; break
  fi
done
[ -n "$py" ] || { echo "autobahn: no usable Python 2.7 (with ssl, zlib and pip) found; set AUTOBAHN_PYTHON2" >&2; exit 1; }

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=
unset PYTHONPATH PYTHONHOME || true
log="$dir/install.log"
: > "$log"
fail() { echo "autobahn: $1; the log's end ($log):" >&2; tail -n 20 "$log" >&2; exit 1; }

rm -f "$stamp"
boot=$(mktemp -d)
trap 'rm -rf "$boot"' EXIT
"$py" -m pip install -q --no-deps --target "$boot" "$venvpkg" >>"$log" 2>&1 </dev/null || fail "no virtualenv"
PYTHONPATH="$boot" "$py" -m virtualenv --clear --no-download "$dir" >>"$log" 2>&1 </dev/null || fail "virtualenv did not work"
printf '%s\n' "$pins" > "$dir/requirements.txt"
"$dir/bin/python" -m pip install --no-deps -r "$dir/requirements.txt" >>"$log" 2>&1 </dev/null || fail "pip did not work"
"$dir/bin/python" -m pip install --no-deps "$accel" >>"$log" 2>&1 </dev/null \
  || echo "autobahn: warning: $accel did not build; the suite will run, slower" >&2
works || { "$dir/bin/python" -c 'import autobahntestsuite.wstest' >>"$log" 2>&1 || true; fail "wstest does not import"; }
printf '%s' "$want" > "$stamp"
echo "autobahn: installed in $dir"
