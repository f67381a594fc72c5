#!/usr/bin/env bash
# The first ten minutes of a new user, in the folder of a fresh clone: README's start line, a post, a kill, a stop,
# a second start.  Usage: first_start.sh 'README's start line'
set -euo pipefail
line=$1
out=first_start.log
client() { .venv/bin/twistd bulletin-client --user ana "$@"; }

fail() {
    echo "first start: $1" >&2
    cat "$out" >&2
    tail -n 40 bulletin-data/logs/*.log >&2 || true
    exit 1
}

# Waits until a condition holds: a limit in seconds, then the command.
until_true() {
    local limit=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -le "$limit" ] || return 1
        sleep 0.1
    done
}

for port in 5555 5556 5557 5558 5560 5561 5562 5563; do
    # Opening the port would succeed only where somebody listens.
    if (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
        echo "first start: port $port, one of README's, is taken by another process; stop it first" >&2
        exit 1
    fi
done

board=
trap '[ -z "$board" ] || kill -9 -- "-$board" 2>/dev/null || true' EXIT

told_or_ended() { grep -q 'bulletin-client' "$out" || ! kill -0 "$board" 2> /dev/null; }

start() {
    : > "$out"
    # Job control in the subshell: its group gets the Ctrl-C that a terminal would send.
    set -m
    (trap - INT; exec bash -c "$line") > "$out" 2>&1 &
    board=$!
    set +m
    until_true 240 told_or_ended || fail "the board did not say what to type next within 240 s"
    grep -q 'bulletin-client' "$out" || fail "the board ended before it said what to type next"
}

stop() {
    local begun
    begun=$(date +%s)
    kill -INT -- "-$board"
    wait "$board" && status=0 || status=$?
    [ $(($(date +%s) - begun)) -le 6 ] || fail "Ctrl-C took longer than 5 s"
    [ "$status" = 0 ] || fail "Ctrl-C ended with status $status"
    board=
}

# What an earlier build left behind must not be installed.
mkdir -p build/lib/bulletin && echo > build/lib/bulletin/of_yesterday.py
start
installed=$(cd / && "$OLDPWD"/.venv/bin/twistd --help | grep -c 'bulletin-')
listed=$(grep -c '^    "bulletin-' twisted/plugins/bulletin_plugins.py)
[ "$installed" = "$listed" ] || fail "the installed package has $installed of $listed commands"
(cd / && "$OLDPWD"/.venv/bin/python - <<'END') || fail "a module is missing from the installed package"
import gettext, importlib.resources, importlib.util, pkgutil, bulletin
for module in pkgutil.walk_packages(bulletin.__path__, "bulletin."):
    importlib.import_module(module.name)
assert "site-packages" in bulletin.__file__, bulletin.__file__
assert importlib.util.find_spec("bulletin.of_yesterday") is None, "build/ was installed"
assert gettext.translation("bulletin", importlib.resources.files("bulletin") / "locale", ["pt_BR"])
END

client create geral > /dev/null || fail "no channel"
client publish geral 'bom dia' > /dev/null || fail "no post"
# Only this board's: another one on the machine has a server2, too.
server2=$(awk '$1 == "server2" && $2 ~ /^[0-9]+$/ { print $2; exit }' "$out")
[ -n "$server2" ] && kill -9 "$server2" || fail "no server2"
client publish geral 'boa tarde' > /dev/null || fail "no post after the death of a server"
stop
start
[ "$(client history geral | grep -c -e 'bom dia' -e 'boa tarde')" = 2 ] || fail "a post was lost"
stop
echo "first start: passed"
