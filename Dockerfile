# Strongroom in a container; docs/container.md says how to run it. `node scripts/check-dockerfile.mjs` runs these steps
# without Docker.
ARG NODE_VERSION=24.21.0

# The package as people install it, made where a compiler is.
FROM node:${NODE_VERSION}-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Install scripts stay off: one would fetch a second Node, another would compile before the sources are here.
RUN npm ci --ignore-scripts
COPY . .
RUN npm pack \
  && npm install --global --ignore-scripts --prefix /opt/strongroom ./strongroom-*.tgz

FROM node:${NODE_VERSION}-bookworm-slim
LABEL org.opencontainers.image.title="strongroom" \
  org.opencontainers.image.description="AWS-KMS-compatible service with a simulated HSM; not a validated module" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/strongroom /opt/strongroom
COPY container/entrypoint.sh /usr/local/bin/strongroom-entrypoint
ENV NODE_ENV=production \
  PATH=/opt/strongroom/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# The security officer's PIN has a place of its own, apart from what the service keeps.
RUN groupadd --gid 10001 strongroom \
  && useradd --uid 10001 --gid strongroom --home-dir /var/lib/strongroom --shell /usr/sbin/nologin strongroom \
  && install -d -o strongroom -g strongroom -m 0700 /var/lib/strongroom /var/lib/strongroom-so
USER 10001:10001
WORKDIR /var/lib/strongroom
VOLUME ["/var/lib/strongroom", "/var/lib/strongroom-so"]
EXPOSE 4599
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["strongroom", "status", "--data-dir", "/var/lib/strongroom/data"]
ENTRYPOINT ["strongroom-entrypoint"]
CMD ["serve", "--host", "0.0.0.0", "--data-dir", "/var/lib/strongroom/data", "--so-pin-file", "/var/lib/strongroom-so/so-pin"]
