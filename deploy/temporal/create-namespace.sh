#!/bin/sh
# Creates the namespace where it is missing, and ends when the server answers for it. The address
# and the namespace come from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, which the client reads itself.
set -eu

try_until_ok() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then
      echo "gave up after $tries tries: $*" >&2
      exit 1
    fi
    sleep 2
  done
}

exists() {
  temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1
}

exists_or_create() {
  exists || temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
}

# The frontend keeps the namespaces it knows in a cache, which learns of a new one a little later.
is_served() {
  temporal workflow list --limit 1 >/dev/null 2>&1
}

try_until_ok exists_or_create
try_until_ok is_served
echo "namespace $TEMPORAL_NAMESPACE is ready"
