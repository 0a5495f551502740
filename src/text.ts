export type Language = "zh-CN" | "en";

/** A message in both languages of the product. */
export type Text = { zh: string; en: string };

export function say(text: Text, language: Language): string {
  return language === "en" ? text.en : text.zh;
}

/** The product's own name, in the one place where a county can put its own. */
export const PRODUCT: Text = { zh: "告示", en: "Gaoshi" };

/** The first supported language of an Accept-Language header (RFC 9110 12.5.4); zh-CN when none is named. */
export function preferredLanguage(acceptLanguage: string | undefined): Language {
  const wanted = (acceptLanguage ?? "")
    .split(",")
    .map((part) => {
      const [tag = "", ...parameters] = part.trim().toLowerCase().split(";");
      const quality = parameters
        .find((parameter) => parameter.trim().startsWith("q="))
        ?.trim()
        .slice(2);
      return { tag: tag.trim(), quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter((entry) => entry.quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { tag } of wanted) {
    if (tag === "en" || tag.startsWith("en-")) return "en";
    if (tag === "zh" || tag.startsWith("zh-")) return "zh-CN";
  }
  return "zh-CN";
}
