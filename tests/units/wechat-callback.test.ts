import { getSignature, decrypt as oracleDecrypt, encrypt as oracleEncrypt } from "@wecom/crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decrypted, encrypted, isSigned, signatureOf } from "#src/web/wechat/crypto.ts";
import { type CallbackSetup, openMessage, packReply, type Query } from "#src/web/wechat/envelope.ts";
import { cdata, readXml } from "#src/web/wechat/xml.ts";
import { VECTORS } from "#tests/samples/wechat-vectors.ts";

const { V3, V5, V6, V7 } = VECTORS;
const sealed = Object.entries(VECTORS).filter(([, vector]) => "encrypt" in vector) as [string, Sealed][];
type Sealed = {
  key: string;
  id: string;
  encrypt: string;
  token?: string;
  ts?: string;
  nonce?: string;
  sig?: string;
  plain?: string;
  contains?: string[];
  random?: string;
};

describe("the platform's published examples", () => {
  it.each(
    Object.entries(VECTORS).filter(([, vector]) => "parts" in vector) as [string, { parts: string[]; sig: string }][],
  )("%s: the signature is theirs", (_, { parts, sig }) => {
    expect(signatureOf(parts)).toBe(sig);
    expect(isSigned(sig, parts)).toBe(true);
    expect(isSigned(sig, [...parts].reverse())).toBe(true);
  });

  it("counts enough of them that none got lost", () => {
    expect(sealed.length).toBe(9);
    expect(Object.keys(VECTORS).length).toBe(14);
  });

  it.each(sealed)(
    "%s: opens, and is signed as they say",
    (_, { key, id, encrypt, plain, contains, token, ts, nonce, sig }) => {
      const message = decrypted(encrypt, key, id);
      if (plain !== undefined) expect(message).toBe(plain);
      for (const part of contains ?? []) expect(message).toContain(part);
      expect(oracleDecrypt(key, encrypt)).toMatchObject({ message, id });
      if (token && ts && nonce && sig) {
        expect(signatureOf([token, ts, nonce, encrypt])).toBe(sig);
        expect(isSigned(sig, [token, ts, `${nonce}1`, encrypt])).toBe(false);
      }
    },
  );

  it.each(sealed.filter(([, { plain, random }]) => plain && random))("%s: packs to the same bytes", (_, one) => {
    expect(encrypted(one.plain ?? "", one.key, one.id, Buffer.from(one.random ?? ""))).toBe(one.encrypt);
  });

  it("checks the query's own signature where there is one", () => {
    for (const { token, ts, nonce, signature } of [V3, V5]) expect(signatureOf([token, ts, nonce])).toBe(signature);
  });
});

describe("a message that was tampered with", () => {
  const flip = (base64: string, at: number): string => {
    const bytes = Buffer.from(base64, "base64");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes.toString("base64");
  };
  /** A plain text of our own making under the vector's key, padded as the test wants. */
  const forged = (plain: Buffer, pad: Buffer): string => {
    const { createCipheriv } = process.getBuiltinModule("node:crypto");
    const key = Buffer.from(`${V7.key}=`, "base64");
    const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
    return Buffer.concat([cipher.update(Buffer.concat([plain, pad])), cipher.final()]).toString("base64");
  };
  const head = (length: number, text: string) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(length);
    return Buffer.concat([Buffer.alloc(16, 65), size, Buffer.from(text)]);
  };

  it("opens for no other account, key or length of key", () => {
    expect(decrypted(V7.encrypt, V7.key, `${V7.id}1`)).toBeUndefined();
    expect(decrypted(V7.encrypt, V7.key, V7.id.slice(0, -1))).toBeUndefined();
    expect(decrypted(V7.encrypt, V3.key, V7.id)).toBeUndefined();
    expect(decrypted(V7.encrypt, V7.key.slice(1), V7.id)).toBeUndefined();
    expect(decrypted(V7.encrypt, `${V7.key}A`, V7.id)).toBeUndefined();
  });

  it("opens not when it was cut, changed or is no base64", () => {
    expect(decrypted(V7.encrypt.slice(0, -4), V7.key, V7.id)).toBeUndefined();
    expect(
      decrypted(Buffer.from(V7.encrypt, "base64").subarray(0, 64).toString("base64"), V7.key, V7.id),
    ).toBeUndefined();
    expect(decrypted(flip(V7.encrypt, -1 + Buffer.from(V7.encrypt, "base64").length), V7.key, V7.id)).toBeUndefined();
    for (const not of ["", "====", "äöü", "AAAA", "A".repeat(43), `${V7.encrypt}\n`])
      expect(decrypted(not, V7.key, V7.id)).toBeUndefined();
  });

  const hi = head(2, `hi${V7.id}`);
  it.each<[string, Buffer, (size: number) => Buffer]>([
    ["a pad of nothing", hi, (size) => Buffer.alloc(size, 0)],
    ["a pad of more than a block", hi, (size) => Buffer.alloc(size, 33)],
    ["a pad that does not agree with itself", hi, (size) => Buffer.from([...Array(size - 1).fill(1), size])],
    ["a length beyond the data", head(2000, `hi${V7.id}`), (size) => Buffer.alloc(size, size)],
    ["the greatest length", head(0xffffffff, `hi${V7.id}`), (size) => Buffer.alloc(size, size)],
    ["no room for a length", Buffer.alloc(16, 65), (size) => Buffer.alloc(size, size)],
    ["no text at all", Buffer.alloc(0), (size) => Buffer.alloc(size, size)],
  ])("opens not with %s", (_, plain, pad) => {
    expect(decrypted(forged(plain, pad(32 - (plain.length % 32))), V7.key, V7.id)).toBeUndefined();
  });

  it("opens where only the pad of the same bytes is right", () => {
    const size = 32 - (hi.length % 32);
    expect(decrypted(forged(hi, Buffer.alloc(size, size)), V7.key, V7.id)).toBe("hi");
  });
});

describe("packing", () => {
  it("agrees with Tencent's own library, both ways, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
        const message = text.toWellFormed();
        expect(oracleDecrypt(V6.key, encrypted(message, V6.key, V6.id))).toMatchObject({ message, id: V6.id });
        expect(decrypted(oracleEncrypt(V6.key, message, V6.id), V6.key, V6.id)).toBe(message);
      }),
    );
  });
});

describe("XML", () => {
  it("is read as the platform writes it", () => {
    const fields = readXml(
      "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<CreateTime>1</CreateTime><Content><![CDATA[a<b>&c]]d]]></Content><E/><I><id>1</id><n>x &lt; y</n><id>2</id></I></xml>",
    );
    expect(JSON.parse(JSON.stringify(fields))).toEqual({
      ToUserName: "gh_1",
      CreateTime: "1",
      Content: "a<b>&c]]d",
      E: "",
      I: { id: "1", n: "x < y" },
    });
  });

  it("gives back what CDATA holds, whatever that is", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("]]>", "]]", "<![CDATA[", "<a>", "&lt;", "公", "😀", ">")), (parts) => {
        const text = parts.join("");
        expect(readXml(`<xml><a>${cdata(text)}</a></xml>`)?.["a"]).toBe(text);
      }),
    );
    expect(cdata("a\u0000b\ud800\ufffe")).toBe("<![CDATA[ab\ufffd]]>");
  });

  it.each([
    ["a DTD", '<!DOCTYPE xml [<!ENTITY a "b">]><xml><a>&a;</a></xml>'],
    ["an external entity", '<!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml><a>1</a></xml>'],
    ["an entity of its own", "<xml><a>&own;</a></xml>"],
    ["a numbered entity", "<xml><a>&#65;</a></xml>"],
    ["a declaration", '<?xml version="1.0"?><xml><a>1</a></xml>'],
    ["an instruction", "<xml><?php 1?><a>1</a></xml>"],
    ["a comment", "<xml><!-- a --><a>1</a></xml>"],
    ["an attribute", '<xml><a b="c">1</a></xml>'],
    ["a namespace", "<xml><x:a>1</x:a></xml>"],
    ["another root", "<html><a>1</a></html>"],
    ["two roots", "<xml><a>1</a></xml><xml><a>1</a></xml>"],
    ["text beside the root", "x<xml><a>1</a></xml>"],
    ["text behind the root", "<xml><a>1</a></xml>x"],
    ["text beside elements", "<xml>x<a>1</a></xml>"],
    ["a name twice at the top", "<xml><FromUserName>a</FromUserName><FromUserName>b</FromUserName></xml>"],
    ["a name that is not closed", "<xml><a>1</xml>"],
    ["names that cross", "<xml><a><b>1</a></b></xml>"],
    ["an end before its beginning", "</a><xml></xml>"],
    ["an end of CDATA that nothing began", "<xml><a>1]]>2</a></xml>"],
    ["CDATA without an end", "<xml><a><![CDATA[1</a></xml>"],
    ["more than five levels", "<xml><a><a><a><a><a>1</a></a></a></a></a></xml>"],
    ["more than 300 elements", `<xml><l>${"<i>1</i>".repeat(400)}</l></xml>`],
    ["nothing", ""],
    ["no XML", "hello"],
    ["an empty root", "<xml></xml>x"],
  ])("is refused with %s", (_, text) => {
    expect(readXml(text)).toBeUndefined();
  });

  it("keeps no name that means something to an object", () => {
    const fields = readXml("<xml><constructor>1</constructor><toString>2</toString></xml>");
    expect(Object.getPrototypeOf(fields)).toBeNull();
    expect(readXml("<xml><__proto__>1</__proto__></xml>")).toBeUndefined();
  });

  it("reads 60 KB of anything in a moment", () => {
    const nasty = [
      "<a>".repeat(20_000),
      `<xml><a>${"<![CDATA[".repeat(7000)}`,
      `<xml><a>${"&lt;".repeat(15_000)}</a></xml>`,
      "<".repeat(60_000),
    ];
    const start = performance.now();
    for (const text of nasty) readXml(text);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe("an envelope", () => {
  const setup: CallbackSetup = { appId: V5.id, token: V5.token, keys: [V5.key], originId: undefined };
  const query: Query = {
    ...{ signature: V5.signature, timestamp: V5.ts, nonce: V5.nonce, encryptType: "aes", messageSignature: V5.sig },
  };
  const safe = `<xml><ToUserName><![CDATA[gh_x]]></ToUserName><Encrypt><![CDATA[${V5.encrypt}]]></Encrypt></xml>`;

  it("opens in safe mode and in compatible mode, and what stands beside the ciphertext is not read", () => {
    const compatible = safe.replace("<Encrypt>", "<Content>forged</Content><Encrypt>");
    for (const body of [safe, compatible]) {
      const opened = openMessage(body, query, setup);
      expect(opened).toMatchObject({ form: "xml", key: V5.key });
      expect(opened?.fields["Content"]).toContain("abcdteT");
    }
  });

  it("opens with the key from before a change, and is answered with the same", () => {
    const opened = openMessage(safe, query, { ...setup, keys: [V3.key, V5.key] });
    expect(opened?.key).toBe(V5.key);
    const at = new Date("2026-03-02T02:00:00Z");
    const packed = packReply({ to: "o1", from: "gh_1", text: "好]]>的" }, opened ?? never(), setup, at);
    const outer = readXml(packed.body);
    const [Encrypt, Nonce, TimeStamp] = ["Encrypt", "Nonce", "TimeStamp"].map((name) => String(outer?.[name]));
    expect(outer?.["MsgSignature"]).toBe(getSignature(V5.token, TimeStamp ?? "", Nonce ?? "", Encrypt ?? ""));
    const inner = readXml(oracleDecrypt(V5.key, Encrypt ?? "").message);
    expect(inner).toMatchObject({ ToUserName: "o1", FromUserName: "gh_1", MsgType: "text", Content: "好]]>的" });
    expect(inner?.["CreateTime"]).toBe(String(at.getTime() / 1000));
  });

  it("opens as JSON where the console says so (V3), and is answered as JSON", () => {
    const asJson = { ...setup, appId: V3.id, token: V3.token, keys: [V3.key] };
    const its = { ...query, timestamp: V3.ts, nonce: V3.nonce, messageSignature: V3.sig };
    const opened = openMessage(JSON.stringify({ ToUserName: "gh_1", Encrypt: V3.encrypt }), its, asJson);
    expect(opened).toMatchObject({ form: "json", fields: { Event: "debug_demo", CreateTime: "1714112445" } });
    const { body, contentType } = packReply({ to: "a", from: "b", text: "c" }, opened ?? never(), asJson, new Date());
    expect(contentType).toMatch("application/json");
    expect(JSON.parse(oracleDecrypt(V3.key, JSON.parse(body).Encrypt).message)).toMatchObject({ Content: "c" });
  });

  it.each<[string, string, Partial<Query>]>([
    ["another nonce", safe, { nonce: "1" }],
    ["no signature over the ciphertext", safe, { messageSignature: "" }],
    ["the query's signature only", safe, { messageSignature: V5.signature }],
    ["another ciphertext", safe.replace("hyza", "hyzb").replace("hyzA", "hyzB"), {}],
    ["a plain message where a key is set up", "<xml><Content>x</Content></xml>", { encryptType: "" }],
    ["no message", "", {}],
  ])("stays shut with %s", (_, body, more) => {
    expect(openMessage(body, { ...query, ...more }, setup)).toBeUndefined();
  });

  it("is plain where no key is set up, and then the query must be signed", () => {
    const plain = { ...setup, keys: [] };
    const body = "<xml><Content>x</Content></xml>";
    expect(openMessage(body, { ...query, encryptType: "" }, plain)?.fields["Content"]).toBe("x");
    expect(openMessage(body, { ...query, encryptType: "", nonce: "1" }, plain)).toBeUndefined();
    expect(openMessage(body, query, plain)).toBeUndefined();
  });
});

function never(): never {
  throw new Error("it did not open");
}
