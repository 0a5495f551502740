import { expect, it } from "vitest";
import { absoluteLinks } from "#src/domain/announcements/feed.ts";
import { element, xml } from "#src/domain/announcements/xml.ts";

it("writes no character that XML 1.0 does not have, and none that means something", () => {
  expect(xml("a\u0000b\u000bc\ufffed\uffffe\ud800f\udc00g")).toBe("a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg");
  expect(xml("<a b=\"c\" d='e'>&]]>\r\n\t😀")).toBe("&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;]]&gt;&#13;\n\t😀");
  expect(element("t", "x & y", { href: 'a"b' })).toBe('<t href="a&quot;b">x &amp; y</t>');
});

it("makes links absolute wherever a reader would be lost without the site", () => {
  const page = "https://county.example/announcements/ann_1";
  const cases: [string, string][] = [
    ['<a href="/x?a=1&amp;b=2">', '<a href="https://county.example/x?a=1&amp;b=2">'],
    ['<a href="#part">', '<a href="https://county.example/announcements/ann_1#part">'],
    ['<a href="other">', '<a href="https://county.example/announcements/other">'],
    ['<img src="/i.png" alt="a">', '<img src="https://county.example/i.png" alt="a">'],
    ['<a href="https://else.example/">', '<a href="https://else.example/">'],
    ['<a href="mailto:a@b.example">', '<a href="mailto:a@b.example">'],
    ["<p>href=&quot;/x&quot;</p>", "<p>href=&quot;/x&quot;</p>"],
  ];
  for (const [markup, expected] of cases) expect(absoluteLinks(markup, page)).toBe(expected);
});
