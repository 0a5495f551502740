import { sha256 } from "#src/ids.ts";
import { PUSH_CLIENT } from "./push-client.ts";
import { PUSH_WORKER_PATH } from "./push-worker.ts";

/**
 * The script of the notification part of `/subscribe` (`push-section.ts`). The part stays hidden where a browser cannot, and where
 * it could from the home screen another one says so; all words come from the page. Permission is asked for only by the press of the button.
 */
export const PUSH_SCRIPT = `${PUSH_CLIENT}
(() => {
  const part = document.getElementById("browser-push");
  // Only browsers of iPhones and iPads have \`standalone\`; a page in a tab gets no notifications there.
  const isInTab = "standalone" in navigator && !navigator.standalone;
  const home = document.getElementById("browser-home");
  if (home && isInTab && !("PushManager" in window)) home.hidden = false;
  if (!part || !window.isSecureContext || !("serviceWorker" in navigator)) return;
  if (!("PushManager" in window) || !("Notification" in window) || !("indexedDB" in window)) return;
  const form = part.querySelector("form");
  const line = part.querySelector("[role=status]");
  const [save, stop] = [part.querySelector("[type=submit]"), part.querySelector("[data-stop]")];
  let busy = false;

  // off, asking, pending, on, denied; and what is said when something went wrong: topics, dismissed, many, failed, stopped
  function show(state, said = state) {
    part.dataset.state = state;
    line.textContent = line.dataset[said] || "";
    line.classList.toggle("wrong", ["denied", "topics", "many", "failed"].includes(said));
    const held = state === "on" || state === "pending";
    save.textContent = held ? save.dataset.again : save.dataset.first;
    stop.hidden = !held;
    form.hidden = state === "denied";
  }

  const state = () => part.dataset.state;

  function fill({ topics, frequency }) {
    const words = topics.map((topic) => (typeof topic === "string" ? topic : ""));
    for (const box of form.elements["browser-topics"]) box.checked = words.includes(box.value);
    for (const choice of form.elements["browser-frequency"]) choice.checked = choice.value === frequency;
  }

  function wishes() {
    const chosen = new FormData(form);
    const language = document.documentElement.lang === "en" ? "en" : "zh-CN";
    return { topics: chosen.getAll("browser-topics"), frequency: chosen.get("browser-frequency") || "now", language };
  }

  async function begin() {
    part.hidden = false;
    if (Notification.permission === "denied") return show("denied");
    show("off");
    const record = await recall();
    const registration = await navigator.serviceWorker.getRegistration("/");
    if (!record) return;
    const subscription = registration && (await registration.pushManager.getSubscription());
    if (!subscription) {
      // The browser gave it up (permission taken back, data cleared): nothing more should be sent there.
      await ask("DELETE", pathOf(record), { token: record.token });
      return forget();
    }
    if (subscription.endpoint !== record.endpoint) await change(record, subscription, wishesOf(record));
    await look();
  }

  async function look() {
    const record = await recall();
    const answer = record && (await ask("GET", pathOf(record), { token: record.token }));
    if (!answer || (!answer.ok && ![401, 404].includes(answer.status))) return;
    const known = answer.ok ? await answer.json() : { status: "ended" };
    if (known.status === "ended") {
      await forget();
      return show("off");
    }
    fill(known);
    if (known.status === "confirmed") return show("on");
    if (known.status === "pending") return wait(record);
  }

  // The push with the question is answered by the worker, which tells; a page that missed its word asks now and then.
  async function wait(record) {
    show("pending");
    for (let tries = 0; tries < 60 && state() === "pending"; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const answer = await ask("GET", pathOf(record), { token: record.token }).catch(() => undefined);
      const known = answer && answer.ok ? await answer.json() : {};
      if (known.status === "confirmed" && state() === "pending") show("on");
    }
  }

  async function turnOn() {
    const wanted = wishes();
    if (wanted.topics.length === 0) return show(state(), "topics");
    const permission = await Notification.requestPermission();
    if (permission !== "granted") return permission === "denied" ? show("denied") : show(state(), "dismissed");
    const before = state();
    show(before, "asking");
    await navigator.serviceWorker.register(${JSON.stringify(PUSH_WORKER_PATH)}, { scope: "/" });
    const registration = await navigator.serviceWorker.ready;
    const subscription = await subscribeBrowser(registration);
    const record = await recall();
    const answer = await (record ? change(record, subscription, wanted) : register(subscription, wanted));
    if (!answer.ok) return show(before, answer.status === 429 ? "many" : "failed");
    const { status } = await answer.json();
    if (status === "confirmed") show("on", "saved");
    else void wait(await recall());
  }

  async function turnOff() {
    const record = await recall();
    if (record) {
      const answer = await ask("DELETE", pathOf(record), { token: record.token });
      if (!answer.ok && ![401, 404].includes(answer.status)) return show(state(), "failed");
    }
    const registration = await navigator.serviceWorker.getRegistration("/");
    const subscription = registration && (await registration.pushManager.getSubscription());
    if (subscription) await subscription.unsubscribe();
    await forget();
    show("off", "stopped");
  }

  // One press at a time; the button that was pressed may be gone afterwards, so the focus goes to what is said.
  async function act(work) {
    if (busy) return;
    busy = true;
    part.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch {
      show(state(), "failed");
    }
    part.removeAttribute("aria-busy");
    busy = false;
    line.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void act(turnOn);
  });
  stop.addEventListener("click", () => void act(turnOff));
  navigator.serviceWorker.addEventListener("message", () => {
    if (state() === "pending") look().catch(() => {});
  });
  begin().catch(() => {});
})();
`;

export const PUSH_SCRIPT_PATH = `/assets/${sha256(PUSH_SCRIPT).slice(0, 16)}.js`;
