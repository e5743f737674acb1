# The gateway alone, on the official Node 26. Mount your routes.yaml, and what it names, into /app:
#   docker run -p 8080:8080 -v ./routes.yaml:/app/routes.yaml:ro -v ./config:/app/config:ro sluice

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production
# Own policies in /app import from 'sluice': package.json makes the name resolve to dist/.
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY config/routes.schema.json config/
USER node
EXPOSE 8080 9901
HEALTHCHECK --interval=10s --timeout=2s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ADMIN_PORT ?? 9901}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Exec form: node is process 1 itself, so SIGTERM reaches it and it drains.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
