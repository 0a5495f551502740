/** The value of `feed` on a case's item. */
export const CASE_FEED = "case";
