/** Signs callbacks as Shopify does. It is written separately from the check of the adapter, so each tests the other. */
import { createHmac } from 'node:crypto';

/** Adds the parameters that Shopify sends beside the code, and the signature over all of them. */
export function signedByShopify(
  parameters: Readonly<Record<string, string>>,
  shop: string,
  clientSecret: string,
): Record<string, string> {
  const signed = {
    ...parameters,
    shop,
    host: Buffer.from(`${shop}/admin`).toString('base64url'),
    timestamp: String(Math.floor(Date.now() / 1000)),
  };
  const sorted = Object.entries(signed).toSorted(([a], [b]) => a.localeCompare(b));
  const text = new URLSearchParams(sorted).toString();
  return { ...signed, hmac: createHmac('sha256', clientSecret).update(text).digest('hex') };
}
