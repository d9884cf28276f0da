# varve as a server. Build: docker build -t varve .    Run: docker run -p 9000:9000 -v varve:/var/lib/varve -e VARVE_AUTH_PASSWORD=secret varve
FROM node:20-bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /varve
COPY package.json package-lock.json .npmrc ./
COPY scripts scripts
RUN node scripts/setup.mjs packages
COPY binding.gyp tsconfig.json ./
COPY native native
COPY lib lib
COPY server server
RUN node scripts/setup.mjs && npm prune --omit=dev --ignore-scripts && strip build/Release/varve.node

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/varve
COPY --from=build /varve/package.json ./
COPY --from=build /varve/node_modules node_modules
COPY --from=build /varve/build/Release/varve.node build/Release/varve.node
COPY --from=build /varve/native/index.cjs native/index.cjs
COPY --from=build /varve/dist dist
COPY examples/docker/config.yaml /etc/varve/config.yaml
RUN printf '#!/bin/sh\nexec node /opt/varve/dist/server/cli.js "$@"\n' > /usr/local/bin/varve && chmod 755 /usr/local/bin/varve \
  && install -d -o node -g node /var/lib/varve
USER node
VOLUME /var/lib/varve
EXPOSE 9000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["varve", "ping"]
ENTRYPOINT ["varve"]
CMD ["serve", "-f", "/etc/varve/config.yaml"]
