#!/usr/bin/env bash
set -euo pipefail

options=(--http2 --silent --show-error --fail-with-body --header "X-API-Key: $API_KEY")
call() {
  local path=$1
  shift
  curl "${options[@]}" "$@" "$SERVICE_URL$path"
}
# The values of all fields of a name, one a line.
text() { grep -o "\"$1\":\"[^\"]*\"" | cut -d '"' -f 4 || true; }
json() { paste -s -d , | sed 's/[^,]*/"&"/g; s/.*/[&]/'; }
publish() {
  call /v1/events --header "Idempotency-Key: $EVENT_TYPE.$1" --json "{\"type\": \"$EVENT_TYPE\", \"data\": {\"n\": $1}}" |
    text eventId
}
# Waits until a line of live updates holds a text.
await() { timeout 20 grep --max-count 1 "$1" <(tail --follow --lines +1 --pid $watching live); }

subscription=$(call /v1/subscriptions --json "{\"endpointUrl\": \"$ENDPOINT_URL\", \"eventTypes\": [\"$EVENT_TYPE\"]}")
id=$(text id <<< "$subscription")

query="subscription { deliveryUpdated(subscriptionId: \\\"$id\\\") { id status } }"
curl "${options[@]}" --no-buffer --dump-header headers --json "{\"query\": \"$query\"}" \
  --header 'accept: text/event-stream' "$GRAPHQL_URL" > live &
watching=$!
trap 'kill $watching 2> /dev/null || true' EXIT
until grep -qi '^content-type: text/event-stream' headers 2> /dev/null; do sleep 0.05; done

first=$(publish 1)
delivery=$(await '"DEAD"' | text id)
call "/v1/deliveries/$delivery/retry" --request POST > /dev/null
await '"SENT"' > /dev/null
statuses=$(text status < live | json)
events=$(printf '%s\n' "$first" "$(publish 2)" "$(publish 3)" | json)

cursor='' paged=''
while
  page=$(call /v1/deliveries --get --data limit=2 --data "subscriptionId=$id" ${cursor:+--data-urlencode "cursor=$cursor"})
  paged+="$(text eventId <<< "$page")"$'\n'
  cursor=$(text nextCursor <<< "$page")
  [ -n "$cursor" ]
do :; done

printf '{"secret": "%s", "eventIds": %s, "pagedEventIds": %s, "statuses": %s}\n' \
  "$(text secret <<< "$subscription")" "$events" "$(printf %s "$paged" | json)" "$statuses"
