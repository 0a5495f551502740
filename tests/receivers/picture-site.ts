import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { plainCover } from "#src/channels/official-account-cover.ts";

const PNG = plainCover();
const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(2000, 7), Buffer.from([0xff, 0xd9])]);

/** A site with pictures, good and bad. `visits`: the paths that were asked for, in order. */
export async function startPictureSite() {
  const visits: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    visits.push(request.url ?? "");
    const send = (bytes: Buffer, type = "image/png") => response.writeHead(200, { "content-type": type }).end(bytes);
    switch (url.pathname) {
      case "/a.png":
      case "/same-as-a.png":
        return send(PNG);
      case "/b.txt": // by its name and type no picture, by its bytes one
        return send(JPEG, "text/plain");
      case "/page.png":
        return send(Buffer.from("<html>not found</html>"));
      case "/gif.png":
        return send(Buffer.from("GIF89a and more"));
      case "/empty.png":
        return send(Buffer.alloc(0));
      case "/large.png":
        return send(Buffer.concat([PNG, Buffer.alloc(1_048_576)]));
      case "/endless.png": {
        response.writeHead(200, { "content-type": "image/png" }).write(PNG);
        const more = setInterval(() => response.write(Buffer.alloc(65_536)), 2);
        return void response.on("close", () => clearInterval(more));
      }
      case "/moved.png":
        return response.writeHead(302, { location: "/a.png" }).end();
      case "/hang.png":
        return;
      case "/reset.png":
        return response.socket?.resetAndDestroy();
      case "/busy.png":
        return response.writeHead(503).end();
      default:
        if (url.pathname.startsWith("/n/")) return send(Buffer.concat([PNG, Buffer.from(url.pathname)]));
        return response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits,
    png: PNG,
    jpeg: JPEG,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
