/** Functions that a provider file names because no field can express them. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../domain/masking/secret';

export interface CallbackSignature {
  /** The parameter that holds the signature. */
  parameter: string;
  sign: (parameters: URLSearchParams, clientSecret: Secret) => string;
  verify: (parameters: URLSearchParams, clientSecret: Secret | null) => boolean;
}

export const CALLBACK_SIGNATURES: Readonly<Record<'shopify_hmac', CallbackSignature>> = {
  shopify_hmac: { parameter: 'hmac', sign: shopifyHmac, verify: isSignedByShopify },
};

/** HMAC-SHA256 in hexadecimal over all other parameters, sorted and form-encoded, as Shopify's own library computes it. */
function shopifyHmac(parameters: URLSearchParams, clientSecret: Secret): string {
  const signed = new URLSearchParams(
    [...parameters]
      .filter(([name]) => name !== 'hmac' && name !== 'signature')
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );
  return createHmac('sha256', clientSecret.reveal()).update(signed.toString()).digest('hex');
}

/** A repeated parameter is refused, because two readers could choose different values. */
function isSignedByShopify(parameters: URLSearchParams, clientSecret: Secret | null): boolean {
  const names = [...parameters.keys()];
  if (clientSecret === null || new Set(names).size !== names.length) return false;
  const expected = Buffer.from(shopifyHmac(parameters, clientSecret), 'hex');
  const stated = Buffer.from(parameters.get('hmac') ?? '', 'hex');
  return stated.length === expected.length && timingSafeEqual(stated, expected);
}
