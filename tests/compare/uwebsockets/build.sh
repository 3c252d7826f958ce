#!/bin/sh
# Builds uWebSockets' server into FOLDER, beside `server`, which then lists it: build.sh [FOLDER]
#
# The sources come with a crate that vendors them; of the crate nothing else is used. Needs cargo,
# gcc and g++. For the baseline of the processor, as the rest is; CFLAGS adds to that.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-${CARGO_TARGET_DIR:-$here/../target}/release}
version=0.0.10
cache=${XDG_CACHE_HOME:-$HOME/.cache}/longwire-compare/libuwebsockets-sys-$version
sources=$cache/vendor/libuwebsockets-sys/uWebSockets

if [ ! -d "$sources" ]; then
    rm -rf "$cache"
    mkdir -p "$cache/src"
    : >"$cache/src/lib.rs"
    cat >"$cache/Cargo.toml" <<EOF
[package]
name = "sources"
version = "0.0.0"
edition = "2024"

[dependencies]
libuwebsockets-sys = "=$version"

[workspace]
EOF
    cargo vendor --quiet --manifest-path "$cache/Cargo.toml" "$cache/vendor" >/dev/null
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
flags="-O3 -flto=auto -DLIBUS_NO_SSL -DUWS_NO_ZLIB -I$sources/uSockets/src ${CFLAGS:-}"
cd "$objects"
# shellcheck disable=SC2086 # a list
gcc -std=c11 $flags -c "$sources"/uSockets/src/*.c "$sources"/uSockets/src/eventing/epoll_kqueue.c
# shellcheck disable=SC2086
g++ -std=c++20 $flags "-I$sources/src" -c "$here/server.cpp"
# shellcheck disable=SC2086
g++ $flags -o "$folder/uwebsockets" ./*.o
echo "$folder/uwebsockets"
