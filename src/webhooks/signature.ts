/**
 * Webhook signatures, and the secrets that sign.
 * @see [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
 */
import { createHmac, randomBytes } from 'node:crypto';
import { Secret } from '../domain/masking/secret';

const SECRET_BYTES = 32;
const PREFIX = 'whsec_';

/** A new endpoint secret, in the form that receivers configure. */
export function newWebhookSecret(): Secret {
  return new Secret(`${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`);
}

/**
 * The headers by which a receiver verifies the sender and the time. One signature per secret, so that during a rotation
 * both the old and the new secret verify.
 * @param id the event's id; the same on every attempt
 */
export function signedHeaders(
  id: string,
  at: Date,
  body: string,
  secrets: readonly Secret[],
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
