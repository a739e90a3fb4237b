/** Checks a tenant's URL before it is stored and before each use. `guarded-transport.ts` checks its addresses. */
import { hasUserInfo } from '../domain/text/user-info';
import { type AddressRules, addressLiteral, isAllowedAddress } from './public-address';

export class ForbiddenUrl extends Error {
  override name = 'ForbiddenUrl';
}

const URL_MAX_CHARACTERS = 2_000;
/** HTTPS, and the ports that are not reserved for system services. */
const HTTPS_PORT = 443;
const FREE_PORTS_FROM = 1_024;
/** Names that always refer to this machine or its network. */
const LOCAL_NAME = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|home\.arpa)$/;

/** @throws {ForbiddenUrl} */
export function checkedTenantUrl(text: string, rules: AddressRules): URL {
  if (text.length > URL_MAX_CHARACTERS)
    throw new ForbiddenUrl(`must be at most ${URL_MAX_CHARACTERS} characters long`);
  if (!URL.canParse(text)) throw new ForbiddenUrl('must be a URL, e.g. https://example.com/hooks');
  const url = new URL(text);
  const { allowPrivate } = rules;
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw new ForbiddenUrl('must begin with https://');
  if (hasUserInfo(url)) throw new ForbiddenUrl('must not contain a user name or a password');
  if (url.hash !== '') throw new ForbiddenUrl('must not contain a fragment (#…)');
  const port = url.port === '' ? HTTPS_PORT : Number(url.port);
  if (!allowPrivate && port !== HTTPS_PORT && port < FREE_PORTS_FROM)
    throw new ForbiddenUrl(`must use port ${HTTPS_PORT}, or a port from ${FREE_PORTS_FROM} up`);
  const literal = addressLiteral(url.hostname);
  const allowed =
    literal === null
      ? allowPrivate || isPublicName(url.hostname)
      : isAllowedAddress(literal, rules);
  if (!allowed)
    throw new ForbiddenUrl('must be a public address, not this machine or a private network');
  return url;
}

/** A name with a single label belongs to the local network. */
function isPublicName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return name.includes('.') && !LOCAL_NAME.test(name);
}
