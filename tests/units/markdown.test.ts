import { describe, expect, it } from "vitest";
import { excerpt, plainText, renderBody, summaryOf } from "#src/domain/announcements/render.ts";

/** Every tag with its attributes, as a browser would read them from HTML that we wrote ourselves. */
function tags(html: string): string[] {
  return html.match(/<[a-z][^>]*>/gi) ?? [];
}

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "<iframe src=javascript:alert(1)>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java&#115;cript:alert(1))",
  "[x](java&Tab;script:alert(1))",
  "[x](&#x6A;avascript:alert(1))",
  "[x](<java\tscript:alert(1)>)",
  "[x](javascript%3Aalert(1))",
  "[x](vbscript:msgbox(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](DATA:text/html;base64,PHNjcmlwdD4=)",
  "[x](file:///etc/passwd)",
  "[x](//evil.example/)",
  "[x](\\\\evil.example)",
  "[x](/\\evil.example)",
  "<javascript:alert(1)>",
  "[x][r]\n\n[r]: javascript:alert(1)",
  '![a](x"onerror=alert(1))',
  '[a](https://ok.example "t\\" onmouseover=alert(1) x=\\"")',
  "![a](data:image/svg+xml,<svg onload=alert(1)>)",
  "![a](http://tracker.example/p.png)",
  "![a](//tracker.example/p.png)",
  "![<script>](javascript:x)",
  "`<script>`",
  '```" onclick="alert(1)\n<script>\n```',
  "a <style>*{display:none}</style>",
  "<a href='javascript:alert(1)'>x</a>",
  "|a|\n|:-:|\n|<script>|",
];

describe("a body", () => {
  it.each(HOSTILE)("shows %j as text and runs nothing of it", (body) => {
    const html = renderBody(body);
    for (const tag of tags(html)) {
      expect(tag).not.toMatch(/^<(script|style|iframe|svg|math|object|embed|form|input|base|meta|link)/i);
      const outside = tag.replace(/"[^"]*"/g, '""');
      expect(outside).not.toMatch(/\s(on\w+|style|id|name|srcset|formaction)=/i);
      const target = /\s(?:href|src)="([^"]*)"/.exec(tag)?.[1];
      if (target === undefined) continue;
      const url = new URL(target.replaceAll("&quot;", '"'), "https://here.example/a/b");
      expect(["https://here.example", "https://ok.example"]).toContain(url.origin);
    }
  });

  it("leads to web pages, mail and this site", () => {
    const html = renderBody(
      "[a](https://a.example/x) [b](http://b.example) [c](mailto:c@d.example) [d](/columns/faq) [e](#f)",
    );
    for (const href of ["https://a.example/x", "http://b.example", "mailto:c@d.example", "/columns/faq", "#f"])
      expect(html).toContain(`<a href="${href}" rel="noopener nofollow">`);
  });

  it("links an address in running Chinese text and stops at its punctuation", () => {
    expect(renderBody("详见https://a.example/x。谢谢")).toContain(">https://a.example/x</a>。谢谢");
    expect(renderBody("文件 README.md 和 a.cn")).not.toContain("<a");
  });

  it("loads a picture that the author wrote over https, and no other", () => {
    expect(renderBody("![图](https://a.example/p.png)")).toContain('<img src="https://a.example/p.png" alt="图"');
    expect(renderBody("![图](http://a.example/p.png)")).toBe("<p>图</p>\n");
  });

  it("keeps the page's title the only first heading", () => {
    expect(renderBody("# 一\n\n###### 六")).toBe("<h2>一</h2>\n<h6>六</h6>\n");
  });

  it("shows a table with its alignment and without a style", () => {
    const html = renderBody("|a|b|\n|:-|-:|\n|1|2|");
    expect(html).toContain('<th class="align-left">a</th>');
    expect(html).toContain('<td class="align-right">2</td>');
    expect(html).not.toContain("style");
  });

  it("is rendered in time, however nasty", () => {
    for (const body of ["[".repeat(100_000), "**_".repeat(33_000), "> ".repeat(50_000), "![](".repeat(25_000)]) {
      const started = performance.now();
      renderBody(body);
      expect(performance.now() - started).toBeLessThan(3_000);
    }
  });
});

describe("a text without its marks", () => {
  it("has the words, the alternative texts and the code", () => {
    expect(plainText("# 题\n\n**粗** [链接](https://a.example) ![图](https://a.example/p.png)\n\n```\n代码\n```")).toBe(
      "题\n粗 链接 图\n代码",
    );
  });

  it("is cut at a whole character", () => {
    expect(excerpt("😀".repeat(10), 5)).toBe("😀😀😀😀…");
    expect(excerpt("正好五个字", 5)).toBe("正好五个字");
  });

  it("stands in for a summary that nobody wrote", () => {
    expect(summaryOf({ body: "**正文**" })).toBe("正文");
    expect(summaryOf({ body: "正文", summary: "摘要" })).toBe("摘要");
  });
});
