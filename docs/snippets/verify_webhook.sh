#!/bin/sh
# Say whether a webhook is genuine; exit code 1 where it is not. Needs openssl.
#
#   WEBHOOK_SECRET=whsec_… sh verify_webhook.sh ID TIMESTAMP SIGNATURE < body
#
# The three are the headers webhook-id, webhook-timestamp and webhook-signature. For looking into
# what came; a server compares in constant time, as verify_webhook.py does.
set -eu

id=$1 timestamp=$2 signatures=$3
age=$(($(date +%s) - timestamp))
key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
expected=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)

if [ "$age" -le 300 ] && [ "$age" -ge -300 ]; then
  for each in $signatures; do # during a rotation there are two
    if [ "$each" = "$expected" ]; then
      echo genuine
      exit 0
    fi
  done
fi
echo "not genuine"
exit 1
