#!/usr/bin/env bash
# Ready means that a slice goes through the network: exits with 0 if the model answers over REST, or
# is too busy to, which is no reason to send its requests to others that are as busy. Says on
# standard error why not.
#     ready.sh MODEL [PORT]
# Needs bash alone, since the image of tensorflow/serving has no HTTP client.
set -uo pipefail
model=$1 port=${2:-8501}

fail() {
    echo "$model is not ready: $1" >&2
    exit 1
}

ask() { # HEAD BODY: the answer, on one line
    exec 3<>"/dev/tcp/127.0.0.1/$port" || fail "nobody listens on port $port"
    printf '%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' "$1" "${#2}" "$2" >&3
    tr -d '\r\n' <&3
    exec 3>&-
}

list() { # VALUE COUNT: a JSON list of equal values
    local all
    printf -v all "%.0s$1," $(seq "$2")
    printf '[%s]' "${all%,}"
}

metadata=$(ask "GET /v1/models/$model/metadata" "") || exit 1
pattern='"classify":\{"inputs":\{"images":\{[^]]*\]'
[[ "${metadata// /}" =~ $pattern ]] || fail "${metadata:0:300}"
sizes=()
for size in $(grep -o '"size":"[-0-9]*"' <<<"${BASH_REMATCH[0]}" | tr -dc '0-9\n-'); do
    sizes+=("$((size < 0 ? 64 : size))") # a side that may have any length
done
[[ ${#sizes[@]} -eq 4 ]] || fail "its signature classify takes no slices"

slice=$(list "$(list "$(list 0 "${sizes[3]}")" "${sizes[2]}")" "${sizes[1]}")
answer=$(ask "POST /v1/models/$model:predict" "{\"signature_name\": \"classify\", \"instances\": [$slice]}") || exit 1
case $answer in
*'"predictions"'* | 'HTTP/1.1 429'* | 'HTTP/1.1 503'*queue*) ;;
*) fail "${answer:0:300}" ;;
esac
