#!/bin/sh
# Lay out the storage, with the engine's user in it, the first time; then run the broker.
set -eu

: "${KAFKA_CLUSTER_ID:?}" "${KAFKA_JOURNEY_PASSWORD:?}"
bin=${KAFKA_BIN:-/opt/kafka/bin}
settings=${KAFKA_SETTINGS:-/etc/journey/server.properties}

"$bin/kafka-storage.sh" format --ignore-formatted --config "$settings" --cluster-id "$KAFKA_CLUSTER_ID" \
    --add-scram "SCRAM-SHA-512=[name=journey,password=$KAFKA_JOURNEY_PASSWORD]"
unset KAFKA_JOURNEY_PASSWORD
exec "$bin/kafka-server-start.sh" "$settings"
