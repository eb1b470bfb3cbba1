#!/bin/sh
# What the image starts: `strongroom` with the arguments given. With STRONGROOM_ACCESS_KEY_ID and
# STRONGROOM_SECRET_ACCESS_KEY set, a data directory that has no root credential yet gets that one: a CI job can then
# know it beforehand. The secret does not stay in the service's environment.
set -eu

credentials=/var/lib/strongroom/data/credentials
if [ -n "${STRONGROOM_ACCESS_KEY_ID:-}" ] && [ ! -e "$credentials" ]; then
  : "${STRONGROOM_SECRET_ACCESS_KEY:?is not set, but STRONGROOM_ACCESS_KEY_ID is}"
  umask 077
  mkdir -p "${credentials%/*}"
  cat > "$credentials" << END
[default]
aws_access_key_id = $STRONGROOM_ACCESS_KEY_ID
aws_secret_access_key = $STRONGROOM_SECRET_ACCESS_KEY
aws_account_id = ${STRONGROOM_ACCOUNT_ID:-000000000000}
END
fi
unset STRONGROOM_ACCESS_KEY_ID STRONGROOM_SECRET_ACCESS_KEY STRONGROOM_ACCOUNT_ID
exec strongroom "$@"
