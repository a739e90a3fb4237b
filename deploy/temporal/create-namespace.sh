#!/bin/sh
# Creates the namespace if it is missing, and ends once the server knows it. The `temporal` command reads
# the address and the namespace from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

try_until_ok() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ]; then
      echo "gave up after $tries attempts: $*" >&2
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

# Temporal's frontend caches the namespaces, and learns of a new one some seconds later.
is_served() {
  temporal workflow list --limit 1 >/dev/null 2>&1
}

try_until_ok exists_or_create
try_until_ok is_served
echo "namespace $TEMPORAL_NAMESPACE is ready"
