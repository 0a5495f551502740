import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Agent, buildConnector, request } from "undici";
import { afterAll, describe, expect, test } from "vitest";
import { EGRESS_REFUSED, isPublic, makeEgress } from "#src/channels/egress.ts";
import { startWebhookSink } from "#tests/receivers/webhook-sink.ts";

const noDns = async () => {
  throw new Error("there is no such name");
};
const strict = makeEgress([], noDns);
const own = makeEgress(["127.0.0.0/8", "10.1.0.0/16", "::1/128"], async (host) =>
  host === "sink.county.gov.cn" ? ["10.1.2.3"] : host === "mixed.county.gov.cn" ? ["10.1.2.3", "10.9.9.9"] : [],
);

async function verdict(address: string, egress = strict): Promise<string> {
  const checked = await egress.check(address);
  return "url" in checked ? checked.url.href : checked.fault.code;
}

describe("addresses that nobody may push to", () => {
  test.each([
    ["this network", "https://0.0.0.0/"],
    ["this network", "https://0.1.2.3/"],
    ["private", "https://10.0.0.1/"],
    ["private", "https://172.16.0.1/"],
    ["private", "https://172.31.255.255/"],
    ["private", "https://192.168.1.1:8443/"],
    ["carrier-grade NAT", "https://100.64.0.1/"],
    ["carrier-grade NAT", "https://100.127.255.254/"],
    ["loopback", "https://127.0.0.1/"],
    ["loopback", "https://127.255.255.254/"],
    ["link-local, metadata", "https://169.254.169.254/latest/meta-data/"],
    ["container credentials", "https://169.254.170.2/v2/credentials"],
    ["metadata of Alibaba", "https://100.100.100.200/"],
    ["metadata of Azure", "https://168.63.129.16/"],
    ["metadata of Oracle", "https://192.0.0.192/"],
    ["documentation", "https://192.0.2.1/"],
    ["documentation", "https://198.51.100.1/"],
    ["documentation", "https://203.0.113.9/"],
    ["benchmarking", "https://198.18.0.1/"],
    ["benchmarking", "https://198.19.255.255/"],
    ["6to4 relay", "https://192.88.99.1/"],
    ["AS112", "https://192.175.48.1/"],
    ["AMT", "https://192.52.193.1/"],
    ["multicast", "https://224.0.0.1/"],
    ["reserved", "https://240.0.0.1/"],
    ["broadcast", "https://255.255.255.255/"],
    ["loopback v6", "https://[::1]/"],
    ["unspecified v6", "https://[::]/"],
    ["mapped", "https://[::ffff:127.0.0.1]/"],
    ["mapped", "https://[::ffff:8.8.8.8]/"],
    ["mapped in hex", "https://[::ffff:7f00:1]/"],
    ["compatible", "https://[::127.0.0.1]/"],
    ["compatible public", "https://[::8.8.8.8]/"],
    ["translated", "https://[::ffff:0:127.0.0.1]/"],
    ["NAT64", "https://[64:ff9b::127.0.0.1]/"],
    ["NAT64 local", "https://[64:ff9b:1::10.0.0.1]/"],
    ["6to4", "https://[2002:7f00:1::]/"],
    ["Teredo", "https://[2001:0:7f00:1::]/"],
    ["unique local", "https://[fd00:ec2::254]/"],
    ["unique local", "https://[fc00::1]/"],
    ["link-local v6", "https://[fe80::1]/"],
    ["site-local", "https://[fec0::1]/"],
    ["multicast v6", "https://[ff02::1]/"],
    ["documentation v6", "https://[2001:db8::1]/"],
    ["documentation v6", "https://[3fff::1]/"],
    ["discard", "https://[100::1]/"],
    ["ORCHID", "https://[2001:20::1]/"],
    ["segment routing", "https://[5f00::1]/"],
    ["unassigned v6", "https://[4000::1]/"],
    ["octal", "https://0177.0.0.1/"],
    ["octal", "https://0300.0250.1.1/"],
    ["hex", "https://0x7f.0.0.1/"],
    ["hex in one", "https://0x7f000001/"],
    ["one number", "https://2130706433/"],
    ["short", "https://127.1/"],
    ["shorter", "https://0/"],
    ["full-width", "https://１２７.０.０.１/"],
    ["full-width dots", "https://127。0。0。1/"],
    ["circled digits", "https://①②⑦.0.0.1/"],
    ["dot at the end", "https://127.0.0.1./"],
    ["percent", "https://%31%32%37.0.0.1/"],
    ["percent in a name", "https://%65xample.com/"],
    ["octal of a public address", "https://010.8.8.8/"],
    ["localhost", "https://localhost/"],
    ["localhost with a dot", "https://localhost./"],
    ["below localhost", "https://a.localhost/"],
    ["LOCALHOST", "https://LOCALHOST/"],
    ["full-width localhost", "https://ｌｏｃａｌｈｏｓｔ/"],
    ["single label", "https://intranet/"],
    ["mDNS", "https://printer.local/"],
    ["internal", "https://db.internal/"],
    ["home", "https://nas.home.arpa/"],
    ["onion", "https://abcdefghij.onion/"],
    ["cluster", "https://api.default.svc/"],
    ["cluster", "https://api.default.svc.cluster.local/"],
    ["metadata name", "https://metadata.google.internal/computeMetadata/v1/"],
    ["metadata name", "https://metadata.goog/"],
    ["metadata name", "https://metadata.tencentyun.com/"],
    ["number as last label", "https://example.123/"],
    ["empty label", "https://a..example.com/"],
  ])("%s: %s", async (_why, address) => {
    expect(await verdict(address)).toMatch(/^ADDRESS_(HOST|MALFORMED)$/);
  });

  test.each([
    ["https://user@hook.example.com/", "ADDRESS_USER_INFO"],
    ["https://user:secret@hook.example.com/", "ADDRESS_USER_INFO"],
    ["https://@hook.example.com/", "ADDRESS_USER_INFO"],
    ["https://hook.example.com:80@127.0.0.1/", "ADDRESS_USER_INFO"],
    ["https://hook.example.com\\@127.0.0.1/", "ADDRESS_MALFORMED"],
    ["https:\\\\hook.example.com/", "ADDRESS_MALFORMED"],
    ["https:hook.example.com", "ADDRESS_MALFORMED"],
    ["https:/hook.example.com", "ADDRESS_MALFORMED"],
    ["https://hook.example.com/\u0000", "ADDRESS_MALFORMED"],
    ["https://hook.exa\tmple.com/", "ADDRESS_MALFORMED"],
    [" https://hook.example.com/", "ADDRESS_MALFORMED"],
    ["https://hook.example.com/\r\nx-evil: 1", "ADDRESS_MALFORMED"],
    ["https://hook.example.com../", "ADDRESS_MALFORMED"],
    ["https://", "ADDRESS_MALFORMED"],
    ["hook.example.com", "ADDRESS_MALFORMED"],
    ["", "ADDRESS_MALFORMED"],
    ["https://hook.example.com:0/", "ADDRESS_PORT"],
    ["https://hook.example.com:65536/", "ADDRESS_MALFORMED"],
    ["http://hook.example.com/", "ADDRESS_SCHEME"],
    ["http://8.8.8.8/", "ADDRESS_SCHEME"],
    ["http://127.0.0.1/", "ADDRESS_HOST"],
    ["ftp://hook.example.com/", "ADDRESS_SCHEME"],
    ["file:///etc/passwd", "ADDRESS_SCHEME"],
    ["gopher://127.0.0.1:6379/_FLUSHALL", "ADDRESS_SCHEME"],
    ["javascript:alert(1)", "ADDRESS_SCHEME"],
    ["data:text/plain,x", "ADDRESS_SCHEME"],
  ])("%s is refused as %s", async (address, code) => {
    expect(await verdict(address)).toBe(code);
  });

  test("an address has at most 2,048 characters, also once it is normalised", async () => {
    expect(await verdict(`https://hook.example.com/${"a".repeat(2048)}`)).toBe("ADDRESS_LENGTH");
    expect(await verdict(`https://hook.example.com/${"字".repeat(700)}`)).toBe("ADDRESS_LENGTH");
  });
});

describe("addresses that look alike and are fine", () => {
  test.each([
    ["https://172.32.0.1/", "https://172.32.0.1/"],
    ["https://172.15.255.255/", "https://172.15.255.255/"],
    ["https://100.128.0.1/", "https://100.128.0.1/"],
    ["https://100.63.255.255/", "https://100.63.255.255/"],
    ["https://192.169.0.1/", "https://192.169.0.1/"],
    ["https://11.0.0.1:9443/hook", "https://11.0.0.1:9443/hook"],
    ["https://198.20.0.1/", "https://198.20.0.1/"],
    ["https://[2606:4700::1111]/", "https://[2606:4700::1111]/"],
    ["https://localhost.hook-ok.net/", "https://localhost.hook-ok.net/"],
    ["https://127.0.0.1.hook-ok.net/", "https://127.0.0.1.hook-ok.net/"],
    ["https://mylocal.example/", "https://mylocal.example/"],
    ["https://notinternal.example.com/", "https://notinternal.example.com/"],
  ])("%s", async (address, normalised) => {
    expect(await verdict(address)).toBe(normalised);
  });

  test("the same place always gives the same text", async () => {
    expect(await verdict("HTTPS://Hook.Example.COM:443")).toBe("https://hook.example.com/");
    expect(await verdict("https://hook.example.com./a#part")).toBe("https://hook.example.com/a");
    expect(await verdict("https://公告.中国/收")).toBe("https://xn--55qt3e.xn--fiqs8s/%E6%94%B6");
  });
});

describe("a name", () => {
  const answers: Record<string, string[]> = {
    "portal.county.gov.cn": ["1.2.3.4", "2606:4700::1111"],
    "intranet.county.gov.cn": ["10.1.2.3"],
    "rebinding.county.gov.cn": ["1.2.3.4", "127.0.0.1"],
  };
  const asked: string[] = [];
  const egress = makeEgress([], async (host) => {
    asked.push(host);
    return answers[host] ?? [];
  });

  test("that leads to a private address is refused when it is given, like the address itself", async () => {
    expect(await verdict("https://portal.county.gov.cn/hook", egress)).toBe("https://portal.county.gov.cn/hook");
    expect(await verdict("https://intranet.county.gov.cn/hook", egress)).toBe("ADDRESS_HOST");
    expect(await verdict("https://rebinding.county.gov.cn/hook", egress)).toBe("ADDRESS_HOST");
  });

  test("that does not exist yet, or that nobody answers for, may be given", async () => {
    expect(await verdict("https://not-yet.county.gov.cn/", egress)).toBe("https://not-yet.county.gov.cn/");
    expect(await verdict("https://not-yet.county.gov.cn/")).toBe("https://not-yet.county.gov.cn/");
    const deaf = makeEgress([], () => new Promise(() => {}));
    expect(await verdict("https://not-yet.county.gov.cn/", deaf)).toBe("https://not-yet.county.gov.cn/");
  });

  test("is not looked up where thousands are taken in at once", async () => {
    asked.length = 0;
    const checked = await egress.check("https://intranet.county.gov.cn/hook", { textOnly: true });
    expect("url" in checked).toBe(true);
    expect(asked).toEqual([]);
  });
});

describe("what GAOSHI_EGRESS_ALLOW names", () => {
  test("may be reached by http and https, and nothing beside it", async () => {
    expect(await verdict("http://127.0.0.1:9000/hook", own)).toBe("http://127.0.0.1:9000/hook");
    expect(await verdict("https://10.1.255.255/", own)).toBe("https://10.1.255.255/");
    expect(await verdict("http://[::1]:9000/", own)).toBe("http://[::1]:9000/");
    expect(await verdict("https://10.2.0.1/", own)).toBe("ADDRESS_HOST");
    expect(await verdict("https://192.168.1.1/", own)).toBe("ADDRESS_HOST");
    expect(await verdict("http://8.8.8.8/", own)).toBe("ADDRESS_SCHEME");
    expect(await verdict("https://0x7f.0.0.1/", own)).toBe("ADDRESS_HOST");
    expect(await verdict("http://localhost:9000/", own)).toBe("ADDRESS_HOST");
  });

  test("a name by plain http needs every one of its answers in there", async () => {
    expect(await verdict("http://sink.county.gov.cn/", own)).toBe("http://sink.county.gov.cn/");
    expect(await verdict("http://mixed.county.gov.cn/", own)).toBe("ADDRESS_SCHEME");
    expect(await verdict("http://nowhere.county.gov.cn/", own)).toBe("ADDRESS_SCHEME");
  });

  test("a resolver that does not answer keeps nobody waiting", async () => {
    const deaf = makeEgress(["127.0.0.0/8"], () => new Promise(() => {}));
    expect(await verdict("http://sink.county.gov.cn/", deaf)).toBe("ADDRESS_SCHEME");
  });

  test("may be a single address", async () => {
    expect(await verdict("http://127.0.0.9/", makeEgress(["127.0.0.9", "::1"]))).toBe("http://127.0.0.9/");
    expect(await verdict("http://127.0.0.8/", makeEgress(["127.0.0.9", "::1"]))).toBe("ADDRESS_HOST");
  });

  test("a wrong entry stops the start", () => {
    expect(() => makeEgress(["10.0.0.0/33"])).toThrow();
    expect(() => makeEgress(["private"])).toThrow();
  });
});

describe("at the connection", async () => {
  const sink = await startWebhookSink();
  const port = new URL(sink.origin).port;
  afterAll(() => sink.close());

  async function reach(url: string, allow: string[], answers: string[][]): Promise<string> {
    let asked = 0;
    const egress = makeEgress(allow, async () => answers[asked++] ?? []);
    const agent = new Agent({ connect: egress.connector(buildConnector) });
    try {
      const answer = await request(url, { dispatcher: agent, method: "POST", body: "x" });
      await answer.body.dump();
      return `${answer.statusCode} after ${asked} look-up`;
    } catch (error) {
      return String((error as { code?: unknown }).code);
    } finally {
      await agent.destroy();
    }
  }

  test("a name is looked up once and the address that was checked is the one that is reached", async () => {
    const rebinding = [["127.0.0.1"], ["127.0.0.2"]];
    expect(await reach(`http://hook.example.com:${port}/`, ["127.0.0.1/32"], rebinding)).toBe("204 after 1 look-up");
  });

  test("one bad answer among good ones refuses the name", async () => {
    const before = sink.connections();
    expect(await reach(`http://hook.example.com:${port}/`, ["127.0.0.1/32"], [["127.0.0.1", "10.0.0.1"]])).toBe(
      EGRESS_REFUSED,
    );
    expect(await reach(`https://hook.example.com:${port}/`, [], [["8.8.8.8", "127.0.0.1"]])).toBe(EGRESS_REFUSED);
    expect(await reach(`https://hook.example.com:${port}/`, [], [["::ffff:127.0.0.1"]])).toBe(EGRESS_REFUSED);
    expect(await reach(`https://hook.example.com:${port}/`, [], [[]])).toBe(EGRESS_REFUSED);
    expect(sink.connections()).toBe(before);
  });

  test("literal addresses and special names are checked there too", async () => {
    const before = sink.connections();
    expect(await reach(`http://127.0.0.1:${port}/`, [], [])).toBe(EGRESS_REFUSED);
    expect(await reach(`https://[::1]:${port}/`, [], [])).toBe(EGRESS_REFUSED);
    expect(await reach(`http://metadata.google.internal:${port}/`, ["127.0.0.1/32"], [["127.0.0.1"]])).toBe(
      EGRESS_REFUSED,
    );
    expect(sink.connections()).toBe(before);
  });

  test("the name of the TLS handshake stays the host, whatever address is reached", async () => {
    const names: string[] = [];
    const server = createTlsServer({
      SNICallback: (name, callback) => {
        names.push(name);
        callback(new Error("no certificate for a test"));
      },
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port: tlsPort } = server.address() as { port: number };
    expect(await reach(`https://hook.example.com:${tlsPort}/`, ["127.0.0.1/32"], [["127.0.0.1"]])).toMatch(/SSL|RESET/);
    expect(names).toEqual(["hook.example.com"]);
    server.close();
  });

  test("proxies of the environment are not asked", async () => {
    let asked = 0;
    const proxy = createServer((socket) => {
      asked++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address() as { port: number };
    process.env["HTTP_PROXY"] = process.env["http_proxy"] = `http://127.0.0.1:${address.port}`;
    try {
      expect(await reach(sink.url("/"), ["127.0.0.1/32"], [])).toBe("204 after 0 look-up");
      expect(asked).toBe(0);
    } finally {
      delete process.env["HTTP_PROXY"];
      delete process.env["http_proxy"];
      proxy.close();
    }
  });
});

test("public is what the registries call global", () => {
  expect(["8.8.8.8", "1.1.1.1", "223.5.5.5", "2400:3200::1"].map(isPublic)).toEqual([true, true, true, true]);
  expect(["10.0.0.1", "::1", "::ffff:8.8.8.8", "2002:808:808::1"].map(isPublic)).toEqual([false, false, false, false]);
});
