import { describe, expect, it } from "vitest";
import { readConfig, type SiteOwner } from "#src/config.ts";
import { siteWarnings } from "#src/web/pages/site.ts";

const complete: SiteOwner = {
  sponsor: { zh: "云岭县人民政府办公室", en: "County office" },
  contact: { zh: "0900-1234567", en: "0900-1234567" },
  siteId: "6104240001",
  icp: { number: "陕ICP备12345678号-1", url: "https://beian.miit.gov.cn/" },
  police: { number: "陕公网安备 61042402000001号", url: "https://beian.mps.gov.cn/" },
  mark: { url: "https://example.org/mark" },
  errorEntry: { url: "https://example.org/error" },
  related: [],
};

const codes = (site: SiteOwner) => siteWarnings(site).map(({ code }) => code);

describe("what the footer of a government site must carry", () => {
  it("is named at the start where it is missing", () => {
    expect(codes({})).toEqual([
      "SITE_SPONSOR",
      "SITE_CONTACT",
      "SITE_ID",
      "SITE_ICP",
      "SITE_POLICE",
      "SITE_MARK",
      "SITE_ERROR_ENTRY",
    ]);
    expect(codes(complete)).toEqual([]);
  });

  it("is checked in its form", () => {
    for (const siteId of ["1304000009", "bm29000002"]) expect(codes({ ...complete, siteId })).toEqual([]);
    for (const siteId of ["130400000", "bm2900000", "BM29000002", "13040000091"])
      expect(codes({ ...complete, siteId }), siteId).toEqual(["SITE_ID_FORMAT"]);
    for (const number of ["ICP备12345678号", "陕ICP备12号", "陕ICP证12345678号"])
      expect(codes({ ...complete, icp: { number, url: "https://beian.miit.gov.cn/" } }), number).toEqual([
        "SITE_ICP_FORMAT",
      ]);
  });
});

describe("GAOSHI_SITE", () => {
  const read = (value: string | undefined) => readConfig({ GAOSHI_SITE: value }).site;

  it("is who stands behind the pages, and nobody unless somebody sets it", () => {
    expect(read(undefined)).toEqual({});
    expect(read("")).toEqual({});
    expect(read(JSON.stringify(complete))).toEqual(complete);
    expect(read('{"sponsor":"县政府办"}')).toEqual({ sponsor: { zh: "县政府办", en: "县政府办" } });
  });

  it.each([
    ["not json", "/"],
    ["[]", "/"],
    ["null", "/"],
    ['"x"', "/"],
    ['{"colour":"red"}', "/colour"],
    ['{"__proto__":{}}', "/__proto__"],
    ['{"siteId":6104240001}', "/siteId"],
    ['{"sponsor":""}', "/sponsor"],
    ['{"sponsor":{"zh":"县政府办"}}', "/sponsor"],
    ['{"icp":{"number":"陕ICP备12345678号"}}', "/icp"],
    ['{"mark":{"url":"javascript:alert(1)"}}', "/mark/url"],
    ['{"related":[{"name":"a","url":"https://a.example/"},{"name":"b","url":"//b"}]}', "/related/1/url"],
  ])("is refused at the start where it is wrong: %s", (value, at) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ code: "CONFIG" }));
    try {
      read(value);
    } catch (error) {
      expect((error as { detail: { en: string } }).detail.en).toContain(`wrong at "${at}"`);
    }
  });
});
