import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type SesCall = {
  authorization: string;
  path: string;
  body: {
    FromEmailAddress: string;
    Destination: { ToAddresses: string[] };
    Content: { Raw: { Data: string } };
  };
};

/** How the next calls are answered: an error of SESv2 by name, anything else word for word, or no answer. */
export type SesAnswer =
  | { error: string; status: number; message?: string }
  | { status: number; text: string; type?: string }
  | { fault: "hang" | "reset" };

/** Amazon SES API v2, `POST /v2/email/outbound-emails`, as its reference describes it. */
export async function startSes() {
  const calls: SesCall[] = [];
  let answer: SesAnswer | undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    calls.push({ authorization: request.headers.authorization ?? "", path: request.url ?? "", body });
    if (answer && "fault" in answer) {
      if (answer.fault === "reset") request.socket.resetAndDestroy();
      return;
    }
    response.setHeader("x-amzn-requestid", "r-1");
    if (answer && "error" in answer) {
      response.writeHead(answer.status, { "content-type": "application/json", "x-amzn-errortype": answer.error });
      response.end(JSON.stringify({ message: answer.message ?? answer.error }));
    } else if (answer)
      response.writeHead(answer.status, { "content-type": answer.type ?? "application/json" }).end(answer.text);
    else response.writeHead(200, { "content-type": "application/json" }).end(`{"MessageId":"0100-${calls.length}"}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    calls,
    answer: (next: SesAnswer | undefined) => {
      answer = next;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
