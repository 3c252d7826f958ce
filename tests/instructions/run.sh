#!/bin/bash
# run.sh [--update] [SCENARIO...]
# Counts the instructions and allocations of an operation of every scenario of core/benches
# with Valgrind, and compares them with baseline.txt. Fails if a count is more than the
# tolerance above it, and as well if it is as much below: what was gained is kept by
# writing it down, or the next loss would hide behind it. --update writes it down.
# Exit 0 if all counts are as expected, or if counting is not possible here, which it says
# as `skipped: ...`; with CI=true a missing Valgrind or CPU feature is a failure.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.." || exit 1
exec </dev/null

baseline=$here/baseline.txt
tolerance=3        # per cent of the instructions of an operation; see README.md
allocations=0.01   # of an operation, more or fewer
features=simd      # validating UTF-8 by std costs so much that nothing else would be seen

update= chosen=()
while [ $# -gt 0 ]; do
  case $1 in
    --update) update=1 ;;
    -*) echo "usage: $0 [--update] [SCENARIO...]" >&2; exit 2 ;;
    *) chosen+=("$1") ;;
  esac
  shift
done

fail() { echo "failed: $*"; exit 1; }
skip() { echo "skipped: $*"; exit 0; }
missing() { if [ "${CI:-}" = true ]; then fail "$@"; else skip "$@"; fi; }
written() { sed -n "s/^# $1: //p" "$baseline"; }

[ -n "$update" ] || [ -f "$baseline" ] || fail "there is no $baseline: write it with $0 --update"

if ! command -v valgrind >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { timeout 300 apt-get update -qq && timeout 600 apt-get install -y -qq --no-install-recommends valgrind; } >/dev/null 2>&1
fi
command -v valgrind >/dev/null || missing "valgrind is not there and cannot be installed"

# What counts depend on. The first three must be those of the baseline.
rustc=$(rustc --version | awk '{ print $2 }')
target=$(rustc -vV | sed -n 's/^host: //p')
cpu=$(grep -qsw avx2 /proc/cpuinfo && echo avx2 || echo no avx2)
valgrind=$(valgrind --version)
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)

cargo=(cargo)
if [ -z "$update" ] || { [ ${#chosen[@]} -gt 0 ] && [ -f "$baseline" ]; }; then
  [ "$target" = "$(written target)" ] || skip "the baseline is for $(written target), this is $target"
  [ "$cpu" = "$(written cpu)" ] || missing "the baseline is for a CPU with $(written cpu), this one has $cpu"
  if [ "$rustc" != "$(written rustc)" ]; then
    rustc=$(written rustc)
    rustup run "$rustc" rustc --version >/dev/null 2>&1 ||
      timeout 600 rustup toolchain install "$rustc" --profile minimal --no-self-update ||
      skip "the baseline is of rustc $rustc, which cannot be had here"
    cargo=(rustup run "$rustc" cargo)
  fi
  [ "$valgrind" = "$(written valgrind)" ] || echo "note: $valgrind here, the baseline is of $(written valgrind)"
  [ "$libc" = "$(written libc)" ] || echo "note: $libc here, the baseline is of $(written libc): memcpy and malloc may differ"
fi

# The program as a release is built, whatever the environment would have of it.
for name in $(compgen -e | grep -E '^(RUSTFLAGS|CARGO_ENCODED_RUSTFLAGS|CARGO_BUILD_(RUSTFLAGS|TARGET|RUSTC.*)|CARGO_PROFILE_.*|RUSTC_.*WRAPPER)$'); do unset "$name"; done
export RUSTFLAGS= CARGO_INCREMENTAL=0
program=$("${cargo[@]}" bench --locked -p longwire --features $features --bench instructions --no-run --message-format json-render-diagnostics |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$program" ] || fail "the bench 'instructions' does not build"
out=$(dirname "$program")/../../instructions
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1

# Functions of libc that the CPU chooses, chosen here: with `rep movsb` each byte is an
# instruction, and past a size that follows the cache it is another function.
tunables='glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM:glibc.cpu.x86_non_temporal_threshold=0x10000000'

# count SCENARIO ITERATIONS NAME: instructions and allocations of the whole run.
count() {
  local file=$out/$1.$3
  env -i GLIBC_TUNABLES="$tunables" timeout 120 "$(command -v valgrind)" --tool=callgrind --callgrind-out-file="$file" "$program" "$1" "$2" >"$file.log" 2>&1 ||
    { cat "$file.log" >&2; return 1; }
  awk '
    /^c?fn=/ {
      at = index($0, "="); id = substr($0, at + 1); sub(/\).*/, ")", id)
      rest = substr($0, at + 1 + length(id))
      if (rest != "") name[id] = substr(rest, 2)
      if (/^cfn=/) callee = name[id]
    }
    /^calls=/ && callee ~ /^(malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign)$/ { split(substr($0, 7), calls, " "); allocated += calls[1] }
    /^(summary|totals):/ { instructions = $2 }
    END { if (!instructions) exit 1; printf "%d %d\n", instructions, allocated }' "$file"
}

scenarios=$("$program" --list) || fail "the bench 'instructions' does not list its scenarios"
for name in "${chosen[@]}"; do
  grep -q "^$name " <<<"$scenarios" || fail "there is no scenario $name; there are: $(awk '{ printf "%s ", $1 }' <<<"$scenarios")"
done

counted='' failed=() began=$SECONDS
printf '%-20s %14s %14s %9s %12s %12s\n' '' instructions baseline change allocations baseline
while read -r name iterations operations operation; do
  if [ ${#chosen[@]} -gt 0 ] && [[ " ${chosen[*]} " != *" $name "* ]]; then continue; fi
  # The slope between two runs: what setting up costs is in both.
  few=$(count "$name" "$iterations" few) && many=$(count "$name" $((3 * iterations)) many) || fail "$name does not run"
  now=$(awk -v n=$((2 * iterations * operations)) '{ printf "%.2f %.3f", ($3 - $1) / n, ($4 - $2) / n }' <<<"$few $many")
  counted+="$name $now"$'\n'
  old=$(awk -v name="$name" '$1 == name { print $2, $3 }' "$baseline" 2>/dev/null)
  [ -n "$old" ] || { printf '%-20s %14s %14s %9s %12s %12s\n' "$name" ${now% *} - - ${now#* } -; [ -n "$update" ] || failed+=("$name: it has no baseline"); continue; }
  read -r change verdict < <(awk -v tolerance=$tolerance -v allocations=$allocations '{
    change = ($1 - $3) / $3 * 100
    if (change > tolerance || change < -tolerance) verdict = sprintf("%+.1f %% instructions, %.1f an operation, not %.1f", change, $1, $3)
    if ($2 > $4 + allocations || $2 < $4 - allocations) verdict = verdict (verdict ? "; " : "") $2 " allocations an operation, not " $4
    printf "%+.2f%% %s\n", change, verdict }' <<<"$now $old")
  printf '%-20s %14s %14s %9s %12s %12s%s\n' "$name" ${now% *} ${old% *} "$change" ${now#* } ${old#* } "${verdict:+  <}"
  [ -z "$verdict" ] || failed+=("$name ($operation): $verdict")
done <<<"$scenarios"
echo "counted in $((SECONDS - began)) s"

if [ -n "$update" ]; then
  kept=
  [ ${#chosen[@]} -eq 0 ] || kept=$(grep -v '^#' "$baseline")
  {
    echo '# Instructions and allocations of an operation; by tests/instructions/run.sh --update.'
    printf '# %s: %s\n' rustc "$rustc" target "$target" cpu "$cpu" valgrind "$valgrind" libc "$libc"
    while read -r name _; do
      grep -m 1 "^$name " <<<"$counted" || grep -m 1 "^$name " <<<"$kept"
    done <<<"$scenarios"
  } >"$out/baseline" && cp "$out/baseline" "$baseline"
  echo "written: $baseline"
  exit 0
fi

if [ ${#chosen[@]} -eq 0 ]; then
  while read -r name _; do
    grep -q "^$name " <<<"$scenarios" || failed+=("$name: the baseline has it, core/benches has not")
  done < <(grep -v '^#' "$baseline")
fi
[ ${#failed[@]} -gt 0 ] || { echo "instructions: all within $tolerance % of the baseline"; exit 0; }
printf '\n'
for verdict in "${failed[@]}"; do echo "failed: $verdict"; done
cat <<END

Where instructions are spent: callgrind_annotate --auto=yes $out/SCENARIO.many
(the same of the commit before tells what has changed). If it is meant, or gained, write it
down and say why in the commit: bash tests/instructions/run.sh --update [SCENARIO...]
END
exit 1
