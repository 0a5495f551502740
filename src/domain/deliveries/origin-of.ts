const SLASH = 47;
/** The one before: a text whose hash is known, and thousands of one origin follow each other. */
let last = "https://";

/** The origin of a URL; every other address of a channel shares that channel's account. */
export function originOf(address: string): string {
  if (address.charCodeAt(last.length) === SLASH && address.startsWith(last)) return last;
  if (!address.startsWith("http")) return "";
  const end = address.indexOf("/", 8);
  if (end < 0) return address;
  last = address.slice(0, end);
  return last;
}
