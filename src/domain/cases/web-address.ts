/** An absolute http or https address with a host, as people copy it. */
export function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** The address so that nothing links or fetches it by accident: `hxxps://evil[.]example/a.b` (only the host is bracketed). */
export function defanged(address: string): string {
  return address.replace(
    /^h(tt)(ps?):\/\/([^/?#]*)/i,
    (_, _tt, rest: string, host: string) => `hxx${rest.toLowerCase()}://${host.replaceAll(".", "[.]")}`,
  );
}
