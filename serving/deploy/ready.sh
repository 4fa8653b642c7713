#!/usr/bin/env bash
# Ready means that a slice goes through the network: exits with 0 if the model answers over REST.
#     ready.sh MODEL HEIGHT WIDTH CONTRASTS [PORT]
# Needs bash alone, since the image of tensorflow/serving has no HTTP client.
set -euo pipefail

list() { # VALUE COUNT: a JSON list of equal values
    local all
    printf -v all "%.0s$1," $(seq "$2")
    printf '[%s]' "${all%,}"
}

slice=$(list "$(list "$(list 0 "$4")" "$3")" "$2")
body="{\"signature_name\": \"classify\", \"instances\": [$slice]}"
exec 3<>"/dev/tcp/127.0.0.1/${5:-8501}"
printf 'POST /v1/models/%s:predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "${#body}" "$body" >&3
grep -q '"predictions"' <&3
