# One image, two commands: `build/worker/main.js` and `build/server/main.js`.
#
# Not Alpine: the core of Temporal's SDK is a native library built for glibc, and Alpine has musl.
# The base is pinned by version; `node scripts/pin-images.js` also pins it by digest if the registry
# is reachable. It is the newest long-term Node version that Temporal's SDK supports.
FROM node:24.22.3-bookworm-slim AS base
WORKDIR /app

# No install scripts: no dependency needs one (native parts come as separate packages), and a script
# that does not run cannot be misused.
FROM base AS deps
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts

FROM deps AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# An image connects to servers, so it has no use for demo mode, its provider, and the program that starts both servers.
RUN npm run build && rm -r build/all-in-one build/sandbox build/main.*

FROM deps AS prune
RUN npm prune --omit=dev --ignore-scripts
# Temporal's native core comes for five platforms, and with its source: 148 MB. Only this platform's is kept.
RUN cd node_modules/@temporalio/core-bridge \
  && platform=$(node -p 'path.basename(path.dirname(require("./common.js").getPrebuiltPath()))') \
  && find releases -mindepth 1 -maxdepth 1 ! -name "$platform" -exec rm -r {} + \
  && rm -r sdk-core

FROM base AS runtime
ENV NODE_ENV=production
COPY package.json ./
COPY --from=prune /app/node_modules ./node_modules
COPY --from=build /app/build ./build
COPY providers ./providers
# The files belong to root, so the process cannot change its own code. Numeric, so that an
# orchestrator can verify that it is not root.
USER 1000:1000
EXPOSE 3000
# node itself, not npm: SIGTERM must reach the process that has refreshes to finish.
ENTRYPOINT ["node"]
CMD ["build/server/main.js"]
