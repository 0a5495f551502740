// The floor of one push: undici, as its page says.
import { request } from "undici";

export async function push(url: string): Promise<void> {
  const { statusCode, body } = await request(url, { method: "POST", body: JSON.stringify({ title: "停水通知" }) });
  await body.dump();
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode}`);
}
