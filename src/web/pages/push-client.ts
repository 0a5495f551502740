/**
 * What the page and the service worker of browser notifications have in common: the API, and the one record that a browser
 * keeps of its subscription (IndexedDB, because a worker has no other store). Plain script, sent as it stands.
 */
export const PUSH_CLIENT = `"use strict";

// { id, token, endpoint, topics, frequency, language } of this browser's subscription.
function inStore(mode, act) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("gaoshi", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("push");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("push", mode);
      const request = act(transaction.objectStore("push"));
      transaction.oncomplete = () => { opening.result.close(); resolve(request.result); };
      transaction.onabort = () => { opening.result.close(); reject(transaction.error); };
    };
  });
}
const recall = () => inStore("readonly", (store) => store.get("subscription"));
const keep = (record) => inStore("readwrite", (store) => store.put(record, "subscription"));
const forget = () => inStore("readwrite", (store) => store.delete("subscription"));

function ask(method, path, { body, token, etag } = {}) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = "Bearer " + token;
  if (etag) headers["if-match"] = etag;
  const init = { method, headers, cache: "no-store", credentials: "omit" };
  if (body) init.body = JSON.stringify(body);
  return fetch("/api/v1" + path, init);
}

const pathOf = ({ id }) => "/subscriptions/" + encodeURIComponent(id);

function endpointOf(subscription) {
  const { keys } = subscription.toJSON();
  return { channel: "web-push", address: subscription.endpoint, secret: keys.p256dh + "." + keys.auth };
}

function base64url(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// The browser's own subscription to our key; one to an older key is given up, because nobody can push to it.
async function subscribeBrowser(registration) {
  const answer = await ask("GET", "/push-key");
  if (!answer.ok) throw new Error("push-key " + answer.status);
  const { publicKey } = await answer.json();
  const known = await registration.pushManager.getSubscription();
  const key = known && known.options && known.options.applicationServerKey;
  if (known && (!key || base64url(key) === publicKey)) return known;
  if (known) await known.unsubscribe();
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
}

async function register(subscription, wishes) {
  const answer = await ask("POST", "/subscriptions", { body: { ...wishes, endpoint: endpointOf(subscription) } });
  if (!answer.ok) return answer;
  const { id, manageToken } = await answer.clone().json();
  await keep({ ...wishes, id, token: manageToken, endpoint: subscription.endpoint });
  return answer;
}

// Tells the server of other wishes, or of another address of this browser; what has ended there begins anew.
async function change(record, subscription, wishes) {
  const moved = subscription.endpoint !== record.endpoint;
  const body = { ...wishes, ...(moved ? { endpoint: endpointOf(subscription) } : {}) };
  for (let tries = 0; ; tries++) {
    const read = await ask("GET", pathOf(record), { token: record.token });
    if (!read.ok && ![401, 404].includes(read.status)) return read;
    if (!read.ok || (await read.clone().json()).status === "ended") return register(subscription, wishes);
    const answer = await ask("PATCH", pathOf(record), { token: record.token, etag: read.headers.get("etag"), body });
    // The question to this browser may just have been asked, which makes another version.
    if (answer.status === 412 && tries < 3) continue;
    if (answer.ok) await keep({ ...record, ...wishes, endpoint: subscription.endpoint });
    return answer;
  }
}

const wishesOf = ({ topics, frequency, language }) => ({ topics, frequency, language });
`;
