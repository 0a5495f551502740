import { generateKeyPairSync, sign } from "node:crypto";
import { isIP } from "node:net";

/** A self-signed certificate for names and IPv4 addresses, made anew for every run: no private key lies in the repository. */
export function selfSigned(names: string[]): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(oid("2a8648ce3d040302"));
  const subject = sequence(set(sequence(oid("550403"), tag(0x0c, Buffer.from("gaoshi test")))));
  const validity = sequence(tag(0x18, Buffer.from("20200101000000Z")), tag(0x18, Buffer.from("20991231235959Z")));
  const alternatives = names.map((name) =>
    isIP(name) === 4 ? tag(0x87, Buffer.from(name.split(".").map(Number))) : tag(0x82, Buffer.from(name)),
  );
  const extensions = sequence(
    sequence(oid("551d11"), tag(0x04, sequence(...alternatives))),
    sequence(oid("551d13"), tag(0x04, sequence(tag(0x01, Buffer.from([0xff]))))),
  );
  const body = sequence(
    tag(0xa0, tag(0x02, Buffer.from([2]))),
    tag(0x02, Buffer.from([1])),
    algorithm,
    subject,
    validity,
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    tag(0xa3, extensions),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = sequence(body, algorithm, tag(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

function tag(number: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([number, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(parts));
}

function set(part: Buffer): Buffer {
  return tag(0x31, part);
}

function oid(hex: string): Buffer {
  return tag(0x06, Buffer.from(hex, "hex"));
}
