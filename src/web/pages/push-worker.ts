import { PRODUCT } from "#src/text.ts";
import { ICON_PNG_PATH } from "./icon.ts";
import { PUSH_CLIENT } from "./push-client.ts";

/** At the root, because a worker sees only what lies below its own address. */
export const PUSH_WORKER_PATH = "/push-worker.js";

/** A worker is under the policy of its own answer: it may talk to this site and do nothing else. */
export const PUSH_WORKER_POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'";

/** The service worker of browser notifications: shows what is pushed, answers the question, follows a changed address. */
export const PUSH_WORKER = `${PUSH_CLIENT}
const ICON = ${JSON.stringify(ICON_PNG_PATH)};
const NAME = ${JSON.stringify(PRODUCT.zh)};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(receive(event.data)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openPage(event.notification.data));
});
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(follow(event.newSubscription)));

function receive(data) {
  let message = {};
  try {
    message = data.json();
  } catch {
    // Shown all the same: a browser that shows nothing for a push takes the permission away.
  }
  return message.type === "confirm" ? confirm(message) : show(message);
}

async function confirm({ subscriptionId, challenge, title, body, failed, lang }) {
  let confirmed = false;
  for (const wait of [0, 2000, 8000]) {
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const path = pathOf({ id: subscriptionId }) + "/confirm";
    const answer = await ask("POST", path, { body: { challenge } }).catch(() => undefined);
    confirmed = answer !== undefined && answer.ok;
    if (answer && answer.status < 500 && answer.status !== 429) break;
  }
  const words = confirmed ? { title, body } : { title: failed, body: "" };
  const options = { body: words.body, tag: "gaoshi-subscription", lang, dir: "auto", icon: ICON };
  await self.registration.showNotification(words.title, { ...options, data: { url: "/subscribe" } });
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage("confirmed");
}

async function show(message) {
  const tag = message.id || "gaoshi";
  const [shown] = await self.registration.getNotifications({ tag });
  const before = shown && shown.data;
  // A text that was overtaken on its way does not take the newer one's place; neither does a repeat ring again.
  const overtaken = before && before.revision > message.revision;
  const { title = NAME, body = "", lang = "zh-CN", ...rest } = overtaken ? before : message;
  const again = overtaken || (before && before.deliveryId === rest.deliveryId);
  const options = { body, tag, lang, dir: "auto", icon: ICON, data: { ...rest, title, body, lang } };
  await self.registration.showNotification(title, { ...options, renotify: Boolean(before) && !again, silent: Boolean(again) });
}

async function openPage({ url = "/" } = {}) {
  const { href } = new URL(url, self.location.origin);
  const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const same = open.find((client) => client.url.split("#")[0] === href);
  return same ? same.focus() : self.clients.openWindow(href);
}

async function follow(renewed) {
  const record = await recall();
  if (!record) return;
  const subscription = renewed || (await subscribeBrowser(self.registration));
  await change(record, subscription, wishesOf(record));
}
`;
