/** The value of `feed` on a subscription that its endpoint must be asked about; the change feed hands it on. */
export const SUBSCRIPTION_FEED = "subscription";
