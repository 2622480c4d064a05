#!/usr/bin/env bash
# A scratch MongoDB wire server for the tests, on the loopback interface and for this machine only.
#
#   export MEMORI_TEST_MONGODB_URL="$(.ci/mongodb.sh start DIRECTORY)"
#   .ci/mongodb.sh stop DIRECTORY
#
# It is FerretDB 1 with its SQLite backend (.ci/mongodb/main.go), since no MongoDB server is to be had from
# apt, pip or go. "start" builds it with go (installed through apt, as root, if there is none), which takes
# some minutes once, starts it with its files in DIRECTORY, and prints the URL of a database.
# MEMORI_TEST_MONGODB_PORT chooses another port than 57017, MEMORI_TEST_MONGODB_BINARY where the server is
# kept once it is built.
set -eu

usage="usage: $0 start|stop DIRECTORY"
action=${1:?$usage}
directory=${2:?$usage}
port=${MEMORI_TEST_MONGODB_PORT:-57017}
source=$(cd "$(dirname "$0")/mongodb" && pwd)
binary=${MEMORI_TEST_MONGODB_BINARY:-${XDG_CACHE_HOME:-$HOME/.cache}/memori-test/mongodb-1.24.2}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

build() {
    # From 1.21 on, go fetches the release that a module asks for itself.
    if ! command -v go >/dev/null || go version | grep -q ' go1\.\(1\?[0-9]\|20\)[. ]'; then
        as_root apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive as_root apt-get install -qq -y -t "$(newest_go)" golang-go >&2
    fi
    mkdir -p "$(dirname "$binary")"
    # Beside its place and then moved: two builds at once do not disturb each other.
    (cd "$source" && GOFLAGS='-buildvcs=false -mod=readonly' go build -trimpath -ldflags '-s -w' \
        -o "$binary.$$" . >&2)
    mv "$binary.$$" "$binary"
}

newest_go() {
    # Debian's stable go may be too old to fetch newer ones; its backports have one that is not.
    apt-cache policy | sed -n 's/.*a=\([a-z]*-backports\),.*/\1/p' | head -n 1 | grep . || echo '*'
}

running() { [ -e "$directory/pid" ] && kill -0 "$(cat "$directory/pid")" 2>/dev/null; }

case $action in
start)
    [ -x "$binary" ] || build
    mkdir -p "$directory/data"
    if ! running; then
        "$binary" "127.0.0.1:$port" "$directory/data" >"$directory/log" 2>&1 </dev/null &
        echo $! >"$directory/pid"
    fi
    tries=0
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! running; then
            cat "$directory/log" >&2
            echo "the server does not answer on port $port" >&2
            exit 1
        fi
        sleep 0.1
    done
    echo "mongodb://127.0.0.1:$port/memori_test"
    ;;
stop)
    if running; then
        kill "$(cat "$directory/pid")"
    fi
    rm -f "$directory/pid"
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
