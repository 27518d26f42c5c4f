#!/bin/sh
# The official GraphQL over HTTP audit. Needs node and npm; installs graphql-http outside the repository and runs the test that uses it.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
folder=${AUDIT_MODULES:-${TMPDIR:-/tmp}/graphql-http-1.23.1}
if [ ! -d "$folder/node_modules/graphql-http" ]; then
  mkdir -p "$folder"
  npm install --prefix "$folder" --no-audit --no-fund --silent graphql-http@1.23.1 graphql@16
fi
AUDIT_MODULES=$folder exec "$here/.venv/bin/python" -m pytest "$here/tests/audit"
