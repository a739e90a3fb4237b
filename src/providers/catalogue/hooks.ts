/** Functions that a provider file names because no field can express them. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../domain/masking/secret';

type CallbackCheck = (parameters: URLSearchParams, clientSecret: Secret | null) => boolean;

export const CALLBACK_CHECKS: Readonly<Record<'shopify_hmac', CallbackCheck>> = {
  shopify_hmac: isSignedByShopify,
};

/** A repeated parameter is refused, because two readers could choose different values. */
function isSignedByShopify(parameters: URLSearchParams, clientSecret: Secret | null): boolean {
  const names = [...parameters.keys()];
  if (clientSecret === null || new Set(names).size !== names.length) return false;
  const signed = new URLSearchParams(
    [...parameters]
      .filter(([name]) => name !== 'hmac' && name !== 'signature')
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );
  const expected = createHmac('sha256', clientSecret.reveal()).update(signed.toString()).digest();
  const stated = Buffer.from(parameters.get('hmac') ?? '', 'hex');
  return stated.length === expected.length && timingSafeEqual(stated, expected);
}
