/**
 * Signatures of webhooks, and the secrets they are made with.
 * @see [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
 */
import { createHmac, randomBytes } from 'node:crypto';
import { Secret } from '../domain/secret';

const SECRET_BYTES = 32;
const PREFIX = 'whsec_';

/** A secret of one endpoint, as its receiver takes it. */
export function newWebhookSecret(): Secret {
  return new Secret(`${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`);
}

/**
 * The headers that let a receiver check who sent the body and when: one signature for each secret, so that during a
 * rotation the old one and the new one both verify.
 * @param id the event's; the same on every try
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
