import { describe, expect, vi, it as vitestIt } from "vitest";
import type { AppError } from "#src/errors.ts";
import type { Message, Queue } from "#src/platform/queue.ts";

export type OpenQueue = () => Promise<{
  /** Empty, with a dead-letter queue behind it after `receives` deliveries. */
  queue: Queue;
  receives: number;
  /** Bodies that lie in the dead-letter queue now. */
  deadLetters(): Promise<unknown[]>;
  close(): Promise<void>;
}>;

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: AppError) => `${error.kind} ${error.code}`,
  );
}

const numbers = (messages: Message[]): number[] =>
  messages.map(({ body }) => (body as { n: number }).n).toSorted((a, b) => a - b);

type Test = Awaited<ReturnType<OpenQueue>> & {
  receive(visibleAfterSeconds?: number, waitSeconds?: number, max?: number): Promise<Message[]>;
  /** Receives until so many came. */
  gather(count: number, visibleAfterSeconds?: number): Promise<Message[]>;
};

async function prepared(open: OpenQueue): Promise<Test> {
  const opened = await open();
  const receive: Test["receive"] = (visibleAfterSeconds = 30, waitSeconds = 0, max = 10) =>
    opened.queue.receive({ max, waitSeconds, visibleAfterSeconds });
  const gather: Test["gather"] = async (count, visibleAfterSeconds = 30) => {
    const found: Message[] = [];
    for (let tries = 0; found.length < count && tries < 100 + count; tries++) {
      found.push(...(await receive(visibleAfterSeconds, 1)));
    }
    return found;
  };
  return { ...opened, receive, gather };
}

/** What every queue must do; `inTurn`: it can be seen here that groups are served in turn. Each test opens one of its own, and all of them run at once: most of it is waiting. */
export function queueContract(name: string, { inTurn }: { inTurn: boolean }, open: OpenQueue): void {
  const it = (title: string, test: (test: Test) => Promise<void>): void => {
    vitestIt(title, async () => {
      const opened = await prepared(open);
      try {
        await test(opened);
      } finally {
        await opened.close();
      }
    });
  };
  describe.concurrent(`${name}: the queue`, () => {
    it("hands over what was sent, as it was, once while it is hidden", async ({ queue, receive, gather }) => {
      const body = { id: "ann_1", nested: { list: [1, "two", null] }, text: "告示 😀", n: 1 };
      await queue.send([{ body }]);
      const [message, ...more] = await gather(1);
      expect(more).toEqual([]);
      expect(message).toMatchObject({ body, receives: 1 });
      expect(message?.id).not.toBe("");
      expect(await receive()).toEqual([]);
    });

    it("takes many at once, hands out at most so many at once, and loses none", async ({ queue, receive, gather }) => {
      await queue.send(Array.from({ length: 57 }, (_, n) => ({ body: { n } })));
      await queue.send([]);
      const first = await receive(60, 5, 7);
      expect(first.length).toBeLessThanOrEqual(7);
      const all = [...first, ...(await gather(57 - first.length, 60))];
      expect(numbers(all)).toEqual(Array.from({ length: 57 }, (_, n) => n));
      expect(new Set(all.map(({ id }) => id)).size).toBe(57);
    });

    it("takes ten messages of nearly 200 KB, and refuses a larger one and a longer delay", async ({
      queue,
      gather,
    }) => {
      const text = "x".repeat(199_000);
      await queue.send(Array.from({ length: 10 }, (_, n) => ({ body: { n, text } })));
      expect(numbers(await gather(10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await refusal(queue.send([{ body: { text: "告".repeat(70_000) } }]))).toBe("too-large MESSAGE_SIZE");
      expect(await refusal(queue.send([{ body: {}, delaySeconds: 901 }]))).toBe("invalid MESSAGE_DELAY");
      expect(await refusal(queue.send([{ body: {}, delaySeconds: -1 }]))).toBe("invalid MESSAGE_DELAY");
    });

    it("takes messages with a group, and refuses a name that is none", async ({ queue, gather }) => {
      await queue.send([{ body: { n: 1 }, group: "ann_1" }, { body: { n: 2 } }, { body: { n: 3 }, group: "!~" }]);
      expect(numbers(await gather(3))).toEqual([1, 2, 3]);
      for (const group of ["", "a b", "组", "x".repeat(129)])
        expect(await refusal(queue.send([{ body: {}, group }]))).toBe("invalid MESSAGE_GROUP");
    });

    it("never keeps one group waiting behind another's thousand", async ({ queue, receive, gather }) => {
      await queue.send(Array.from({ length: 1_000 }, () => ({ body: { n: 0 }, group: "many" })));
      await queue.send([{ body: { n: 1 }, group: "one" }]);
      const first = await receive(60, 5);
      if (inTurn) expect(numbers(first)).toContain(1);
      const all = [...first, ...(await gather(1_001 - first.length, 60))];
      expect(all).toHaveLength(1_001);
      expect(numbers(all).at(-1)).toBe(1);
    });

    it("never gives back a message that is done", async ({ queue, receive, gather }) => {
      await queue.send([{ body: { n: 1 } }, { body: { n: 2 } }]);
      const messages = await gather(2, 1);
      await queue.done(messages.filter(({ body }) => (body as { n: number }).n === 1).map(({ receipt }) => receipt));
      const again = await gather(1, 30);
      expect(again).toMatchObject([{ body: { n: 2 }, receives: 2 }]);
      expect(await receive(1, 2)).toEqual([]);
    });

    it("shows a message again when its time is over, and counts", async ({ queue, receive, gather }) => {
      await queue.send([{ body: { n: 1 } }]);
      const [first] = await gather(1, 1);
      expect(await receive()).toEqual([]);
      const [second] = await receive(30, 5);
      expect(second).toMatchObject({ id: first?.id, body: { n: 1 }, receives: 2 });
      expect(second?.receipt).not.toBe(first?.receipt);
    });

    it("ignores receipts that it does not know or that ended", async ({ queue, receive, gather }) => {
      await queue.send([{ body: { n: 1 } }]);
      const [message] = await gather(1);
      const receipt = message?.receipt ?? "";
      await queue.done([receipt]);
      await queue.done([receipt]);
      await queue.postpone(receipt, 0);
      await queue.done([]);
      expect(await receive(30, 1)).toEqual([]);
    });

    it("holds a delayed message back, not the others", async ({ queue, gather }) => {
      const start = performance.now();
      await queue.send([{ body: { n: 1 }, delaySeconds: 2 }, { body: { n: 2 } }]);
      expect(numbers(await gather(1))).toEqual([2]);
      expect(numbers(await gather(1))).toEqual([1]);
      expect(performance.now() - start).toBeGreaterThan(1_500);
    });

    it("postpones a message to a time that its worker names, sooner or later", async ({ queue, receive, gather }) => {
      await queue.send([{ body: { n: 1 } }]);
      const [first] = await gather(1, 60);
      await queue.postpone(first?.receipt ?? "", 0);
      const [second] = await receive(60, 5);
      expect(second).toMatchObject({ id: first?.id, receives: 2 });
      await queue.postpone(second?.receipt ?? "", 2);
      expect(await receive()).toEqual([]);
      const start = performance.now();
      expect(await receive(60, 10)).toMatchObject([{ id: first?.id, receives: 3 }]);
      expect(performance.now() - start).toBeGreaterThan(1_000);
    });

    it("wakes up a waiting worker when a message comes, and lets it go when none does", async ({ queue, receive }) => {
      const waiting = receive(30, 10);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const start = performance.now();
      await queue.send([{ body: { n: 1 } }]);
      expect(numbers(await waiting)).toEqual([1]);
      expect(performance.now() - start).toBeLessThan(5_000);
      const empty = performance.now();
      expect(await receive(30, 1)).toEqual([]);
      expect(performance.now() - empty).toBeGreaterThan(900);
    });

    it("puts aside, whole, what was delivered too often, and goes on with the rest", async ({
      queue,
      receive,
      gather,
      receives,
      deadLetters,
    }) => {
      await queue.send([{ body: { n: 1, poison: true } }]);
      for (let time = 1; time <= receives; time++) {
        const [message] = await receive(30, 5);
        expect(message?.receives).toBe(time);
        await queue.postpone(message?.receipt ?? "", 0);
      }
      expect(await receive(30, 1)).toEqual([]);
      await vi.waitFor(async () => expect(await deadLetters()).toEqual([{ n: 1, poison: true }]), { timeout: 10_000 });
      await queue.send([{ body: { n: 2 } }]);
      expect(numbers(await gather(1))).toEqual([2]);
    });

    it("gives each message to one of many workers", async ({ queue, gather }) => {
      await queue.send(Array.from({ length: 100 }, (_, n) => ({ body: { n } })));
      const workers = await Promise.all(Array.from({ length: 5 }, () => gather(20, 60)));
      expect(numbers(workers.flat())).toEqual(Array.from({ length: 100 }, (_, n) => n));
    });
  });
}
