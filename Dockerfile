# The service as it runs for real: compiled code, production dependencies, the migrations, and a user who is not root.
# The embedded PostgreSQL is an optional dependency and stays out: set DATABASE_URL.
# `npm run test:image` carries out this file by hand, measures what comes of it, and starts it.

FROM node:24-alpine AS base
WORKDIR /app

FROM base AS build
COPY package.json package-lock.json .npmrc ./
# Without scripts: `prepare` would build before the sources are here.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/build.ts scripts/programs.ts ./scripts/
COPY src ./src
RUN npm run build

FROM base AS dependencies
COPY package.json package-lock.json .npmrc ./
# Without scripts: `prepare` would build with a compiler that is not here.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

# Put together here, because what a layer removes stays in the layers below it.
FROM base AS app
COPY package.json LICENSE ./
COPY prisma/migrations ./prisma/migrations
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY scripts/prune-image.mjs /tmp/prune-image.mjs
RUN node /tmp/prune-image.mjs /app

FROM base
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
COPY --from=app /app ./
# The base image's user `node`, by number: Kubernetes can't tell of a name that it is not root.
USER 1000:1000
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/v1/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node.js itself gets the signal, and the service ends in order.
STOPSIGNAL SIGTERM
CMD ["node", "dist/main.js"]
