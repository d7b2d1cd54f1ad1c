# The images of Galley, both from this file:
#   docker build --target server -t galleysh/server:v1 .
#   docker build --target agent  -t galleysh/agent:v1  .
# `npm run images` does both. Any Debian image of Node 20.19 or newer will do as NODE_IMAGE.
ARG NODE_IMAGE=node:22-slim

# Compiles, and puts together what each image takes of it: /out/server and /out/agent.
FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
# Types are `npm run check`'s business.
RUN npm run build -- --no-check && node scripts/image-files.mjs /out

# Node alone: who installs packages in a running server is no friend.
FROM ${NODE_IMAGE} AS node
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/* \
      /usr/local/lib/node_modules /usr/local/include /usr/local/share/doc /usr/local/share/man /opt/yarn* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
 && ln -s /opt/galley/dist/cli/main.js /usr/local/bin/galley \
 && install -d -m 0700 -o node -g node /var/lib/galley

# With git, and with iptables for the rules that keep previews from the machine. Of what Debian's package brings, commands that serve
# repositories, send mail or need Perl's modules are left out: the agent fetches. So dpkg takes git for broken, and apt would "repair" it.
FROM node AS git
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git git-lfs iptables openssh-client \
 && dpkg --purge --force-depends perl perl-modules-5.36 libperl5.36 perl-modules-5.40 libperl5.40 liberror-perl git-man \
 && cd /usr/lib/git-core \
 && rm -f git-daemon git-http-backend git-http-push git-imap-send git-shell scalar git-add--interactive git-send-email git-instaweb \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/*

# One layer each: what the steps above removed is not in it.
FROM scratch AS server
COPY --from=node / /
COPY --from=build /out/server /opt/galley
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production GALLEY_DATA_DIR=/var/lib/galley
USER node
WORKDIR /var/lib/galley
EXPOSE 8080
# It runs; whether what it depends on answers, too, /readyz says.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GALLEY_PORT || 8080}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["galley", "server"]

FROM scratch AS agent
COPY --from=git / /
COPY --from=build /out/agent /opt/galley
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production GALLEY_DATA_DIR=/var/lib/galley
WORKDIR /var/lib/galley
# Root: who may use the engine's socket is root on its machine in any case. Healthy: bus, engine and disk are.
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GALLEY_HEALTH_PORT || 9465}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/bin/tini", "--"]
# As src/cli/up/node-options.ts says.
CMD ["node", "--initial-old-space-size=64", "/opt/galley/dist/cli/main.js", "agent", "run"]
