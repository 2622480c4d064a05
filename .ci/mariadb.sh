#!/bin/sh
# A scratch MariaDB for the tests, on the loopback interface and for this machine only.
#
#   export MEMORI_TEST_MARIADB_URL="$(.ci/mariadb.sh start DIRECTORY)"
#   .ci/mariadb.sh stop DIRECTORY
#
# "start" installs MariaDB through apt if there is none (as root), makes a data directory in DIRECTORY
# unless there is one, starts the server as a user who is not root, and prints the URL of an empty
# database. MEMORI_TEST_MARIADB_PORT chooses another port than 54330.
set -eu

usage="usage: $0 start|stop DIRECTORY"
action=${1:?$usage}
directory=${2:?$usage}
port=${MEMORI_TEST_MARIADB_PORT:-54330}
database=memori_test

# Debian keeps the server where only root's PATH leads.
PATH=$PATH:/usr/sbin:/sbin

as_server() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u mysql -- "$@"
    else
        "$@"
    fi
}

if ! command -v mariadbd >/dev/null; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y mariadb-server >&2
fi

# Unix sockets have short paths, which DIRECTORY may not have.
socket=/tmp/memori-mariadb-$port.sock

admin() {
    as_server mariadb --no-defaults --socket="$socket" -u root "$@"
}

case $action in
start)
    if [ ! -d "$directory/data/mysql" ]; then
        mkdir -p "$directory"
        [ "$(id -u)" != 0 ] || chown mysql "$directory"
        as_server mariadb-install-db --no-defaults --datadir="$directory/data" \
            --auth-root-authentication-method=normal --skip-test-db >&2
    fi
    if ! admin -e "SELECT 1" >/dev/null 2>&1; then
        # What a crash of the machine would lose does not matter here; the tests should be fast.
        as_server mariadbd --no-defaults --datadir="$directory/data" --socket="$socket" \
            --pid-file="$directory/pid" --log-error="$directory/log.err" \
            --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --max-connections=400 \
            --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --sync-frm=0 \
            --innodb-file-per-table=0 </dev/null >/dev/null 2>&1 &
        tries=0
        until admin -e "SELECT 1" >/dev/null 2>&1; do
            tries=$((tries + 1))
            if [ "$tries" -gt 300 ]; then
                tail -n 20 "$directory/log.err" >&2
                exit 1
            fi
            sleep 0.1
        done
    fi
    admin -e "CREATE DATABASE IF NOT EXISTS $database;
        CREATE USER IF NOT EXISTS memori@127.0.0.1 IDENTIFIED BY 'memori';
        GRANT ALL ON *.* TO memori@127.0.0.1;" >&2
    echo "mysql://memori:memori@127.0.0.1:$port/$database"
    ;;
stop)
    admin -e "SHUTDOWN" >&2
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
