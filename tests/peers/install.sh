#!/bin/sh
# Finds or installs the test's real parts: Chromium, Mosquitto, nginx, PgBouncer, an older
# PostgreSQL, and where Node is the npm peers.
# A missing browser fails; a missing peer is told here, and at the end of the run by pytest.
here=$(dirname "$0")

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

wanted=""
have chromium || wanted="$wanted chromium"
have mosquitto || wanted="$wanted mosquitto"
have nginx || wanted="$wanted nginx-light"
have pgbouncer || wanted="$wanted pgbouncer"
older_postgresql() { ls /usr/lib/postgresql/1[0-7]/bin/initdb >/dev/null 2>&1; }
newest_older_postgresql() {
    for major in 17 16 15; do
        [ -z "$(apt-cache madison "postgresql-$major" 2>/dev/null)" ] || { echo "postgresql-$major"; return; }
    done
}
# The package makes a cluster and starts a service for it unless told otherwise before: only its
# programs are wanted. Where this machine's own settings ask for a cluster, it is not installed.
makes_no_cluster() {
    settings=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$settings" ]; then
        mkdir -p "${settings%/*}"
        echo "create_main_cluster = false" >"$settings"
    fi
    grep -q "^create_main_cluster *= *false" "$settings"
}
if have apt-get && [ "$(id -u)" = 0 ] && { [ -n "$wanted" ] || ! older_postgresql; }; then
    apt-get update -qq >/dev/null
    package=$(newest_older_postgresql)
    if [ -n "$package" ] && ! older_postgresql && makes_no_cluster; then wanted="$wanted $package"; fi
    if [ -n "$wanted" ]; then
        echo "installing$wanted"
        # shellcheck disable=SC2086 # a list of packages
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            -o Dpkg::Options::=--force-confold $wanted fonts-noto-cjk >/dev/null
    fi
fi

# npm writes .package-lock.json at the end of an installation; a lock that is newer names other packages.
if have npm && [ ! "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ]; then
    npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund --silent ||
        echo "the npm peers could not be installed: tests against them are left out"
fi

have mosquitto || echo "mosquitto is missing: install it to test against a real broker"
have nginx || echo "nginx is missing: install it to test the proxy's configuration"
have pgbouncer || echo "pgbouncer is missing: install it to test transactions through a pooler"
older_postgresql || echo "postgresql is missing: install one before 18 to test upgrades of the embedded one"
have node || echo "node is missing: install it to test against the npm peers"
if ! have chromium; then
    echo "chromium is missing: install it (Debian, Ubuntu: apt install chromium); the boards are tested in it" >&2
    exit 1
fi
