# The long-lived bot host. `docker build -f infra/bot.Dockerfile --build-arg PUPPET=wechaty-puppet-service -t gaoshi-bot .`
FROM node:24-slim
WORKDIR /home/node/gaoshi
ARG PUPPET=wechaty-puppet-service
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm install --no-save "$PUPPET"
COPY src ./src
USER node
CMD ["node", "src/host-bot.ts"]
