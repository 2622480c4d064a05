#!/bin/sh
# A scratch PostgreSQL for the tests, on the loopback interface and for this machine only.
#
#   export MEMORI_TEST_POSTGRESQL_URL="$(.ci/postgres.sh start DIRECTORY)"
#   .ci/postgres.sh stop DIRECTORY
#
# "start" installs PostgreSQL through apt if there is none (as root), makes a cluster in DIRECTORY
# unless there is one, starts it as a user who is not root, and prints the URL of an empty database.
# MEMORI_TEST_POSTGRESQL_PORT chooses another port than 54329.
set -eu

usage="usage: $0 start|stop DIRECTORY"
action=${1:?$usage}
directory=${2:?$usage}
port=${MEMORI_TEST_POSTGRESQL_PORT:-54329}
database=memori_test

binaries() {
    # Debian keeps the servers of several versions outside PATH; the newest one serves.
    newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$newest" ] && [ -x "$newest/initdb" ]; then
        echo "$newest"
    elif command -v initdb >/dev/null; then
        dirname "$(command -v initdb)"
    fi
}

as_server() {
    # PostgreSQL refuses to run as root.
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

bin=$(binaries)
if [ -z "$bin" ]; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql >&2
    bin=$(binaries)
fi

case $action in
start)
    if [ ! -e "$directory/PG_VERSION" ]; then
        mkdir -p "$directory"
        [ "$(id -u)" != 0 ] || chown postgres "$directory"
        as_server "$bin/initdb" -D "$directory" -U memori --auth=trust --encoding=UTF8 \
            --locale=C.UTF-8 --no-sync >&2
    fi
    if ! as_server "$bin/pg_ctl" -D "$directory" status >/dev/null; then
        as_server "$bin/pg_ctl" -D "$directory" -w -l "$directory/log" start -o "-p $port \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" >&2
    fi
    as_server "$bin/createdb" -h 127.0.0.1 -p "$port" -U memori "$database" 2>/dev/null || true
    echo "postgresql://memori@127.0.0.1:$port/$database"
    ;;
stop)
    as_server "$bin/pg_ctl" -D "$directory" -m fast stop >&2
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
