#!/usr/bin/env bash
# A client of the board: bash board.sh [USER [CHANNEL [TEXT [BROKER [PROXY]]]]]; needs bash, coreutils, sed and grep.
# It speaks JSON, and by hand what libzmq does for others: ZMTP 3.0, https://rfc.zeromq.org/spec/23/
export LC_ALL=C # lengths are bytes
user=${1:-ana} channel=${2:-geral} text=${3:-Bom dia!}
broker=${4:-tcp://127.0.0.1:5555} proxy=${5:-tcp://127.0.0.1:5558}
clock=0 # Lamport's: one more before each request, and never less than a clock that was received

open() { # ENDPOINT TYPE: connect file 3, send greeting and READY, read the other side's
    local at=${1#tcp://}
    { exec 3<> "/dev/tcp/${at%:*}/${at##*:}"; } 2> /dev/null || return
    { printf '\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL'; head -c 48 /dev/zero; } >&3
    printf "\\4\\x$(printf %x $((22 + ${#2})))\\5READY\\13Socket-Type\\0\\0\\0\\00${#2}$2" >&3
    head -c 64 <&3 > /dev/null && receive > /dev/null
}

receive() { # print a frame: flags, a length of one byte or (flag 2) of eight, the body
    local flags size
    read -r flags size <<< "$(timeout 5 head -c 2 <&3 | od -An -tu1)"
    ((flags & 2)) && size=$((16#$(head -c 7 <&3 | od -An -tx1 | tr -d ' \n')))
    head -c "${size:-0}" <&3
}

quote() { local string=${1//\\/\\\\}; string=${string//\"/\\\"}; printf '"%s"' "${string//$'\n'/\\n}"; }

field() { sed -nE 's/.*"'"$1"'":("(([^"\\]|\\.)*)"|([0-9.]+)).*/\2\4/;T;s/\\"/"/g;p' <<< "$2"; } # NAME JSON: its last value

ask() { # SERVICE FIELDS: send until it is answered; however often its id comes, it takes effect once
    local id body received
    id=$(od -An -tx1 -N8 /dev/urandom | tr -d ' \n')
    for (( ; ; )); do
        body="{\"service\":\"$1\",\"data\":{$2,\"id\":\"$id\",\"clock\":$((++clock)),\"timestamp\":$EPOCHREALTIME}}"
        reply=$(open "$broker" DEALER && printf "\\2$(printf %016x ${#body} | sed 's/../\\x&/g')%s" "$body" >&3 && receive)
        received=$(field clock "$reply") && ((received > clock)) && clock=$received
        case $reply in
            '' | *'"tente_em":'*) sleep 1 ;;
            *'"status":"erro"'*) field description "$reply" && exit 1 ;;
            *) return ;;
        esac
    done
}

subscribe() { until open "$proxy" SUB; do sleep 1; done; printf "\\0\\x$(printf %x $((${#channel} + 1)))\\1$channel" >&3; }

me="\"user\":$(quote "$user"),\"channel\":$(quote "$channel")"
subscribe
ask login "$me"
ask channel "$me"
ask publish "$me,\"message\":$(quote "$text")"
for ((last = 0; ; )); do
    ask history "$me,\"desde\":$last"
    while read -r post; do # a post a line: no text has what is cut at here, its quotes have a backslash before them
        last=$(field seq "$post") clock_of_post=$(field clock "$post")
        printf '#%s %s: %b (clock %s)\n' "$last" "$(field user "$post")" "$(field message "$post")" "$clock_of_post"
    done < <(sed 's/[[,]{\("[a-z]*":\)/\n{\1/g; s/}],\("[a-z]*":\)/}\n\1/' <<< "$reply" | grep '"seq":')
    [[ $reply == *'"mais":true'* ]] && continue
    if read -r -N 1 -t 2 -u 3; then timeout 0.1 cat <&3 > /dev/null; elif (($? == 1)); then subscribe; fi # a bell, or the end
done
