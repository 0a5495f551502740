import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, startProgram } from "#tests/program.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

const SITE = {
  sponsor: "云岭县人民政府办公室",
  contact: { zh: "电话 0900-1234567", en: "phone 0900-1234567" },
  siteId: "6104240001",
  icp: { number: "陕ICP备12345678号-1", url: "https://beian.miit.gov.cn/" },
  police: { number: "陕公网安备 61042402000001号", url: "https://beian.mps.gov.cn/" },
  mark: { url: "https://example.org/mark" },
  errorEntry: { url: "https://example.org/error" },
  related: [{ name: "中央编办", url: "https://example.org/scopsr" }],
};

describe("a county that says who it is", () => {
  let world: TestWorld;
  beforeAll(async () => {
    world = await openWorld({ env: { GAOSHI_SITE: JSON.stringify(SITE) } });
  });
  afterAll(() => world.close());

  it.each([
    ["/", 200],
    ["/nowhere", 404],
  ])("has its code, its sponsor and its filings on %s", async (path, status) => {
    const answer = await world.fetch(path, { headers: { accept: "text/html" } });
    expect(answer.status).toBe(status);
    const page = await answer.text();
    expect(page).toContain('<meta name="SiteIDCode" content="6104240001">');
    expect(page).toContain("主办：云岭县人民政府办公室");
    expect(page).toContain("联系方式：电话 0900-1234567");
    for (const { number, url } of [SITE.icp, SITE.police]) expect(page).toContain(`<a href="${url}">${number}</a>`);
    for (const { url } of [SITE.mark, SITE.errorEntry, ...SITE.related]) expect(page).toContain(`href="${url}"`);
    const english = await world.fetch(path, { headers: { accept: "text/html", "accept-language": "en" } });
    expect(await english.text()).toContain("Contact: phone 0900-1234567");
  });
});

describe("the program", () => {
  const data = mkdtempSync(join(tmpdir(), "gaoshi-site-"));
  afterAll(() => rmSync(data, { recursive: true, force: true }));

  it("names at its start what a government site must carry and this one does not", async () => {
    const { police: _, ...site } = SITE;
    const program = await startProgram({
      data,
      port: await freePort(),
      env: { GAOSHI_SITE: JSON.stringify({ ...site, siteId: "12" }) },
    });
    await expect.poll(() => program.output()).toContain('"event":"site-incomplete"');
    await program.stop();
    expect(program.output()).toContain("SITE_ID_FORMAT SITE_POLICE");
    expect(program.output()).not.toContain("SITE_ICP");
  }, 30_000);
});
