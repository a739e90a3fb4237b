/**
 * A URL that a tenant sets, checked before it is stored and again before each use. What its name resolves to is
 * checked when the connection is made: see `guarded-transport.ts`.
 */
import { type AddressRules, addressLiteral, isAllowedAddress } from './public-address';

/** Why a URL is not used, as a sentence for whoever set it. */
export class ForbiddenUrl extends Error {
  override name = 'ForbiddenUrl';
}

const URL_MAX_CHARACTERS = 2_000;
/** HTTPS, and what is not reserved for the system's services. */
const HTTPS_PORT = 443;
const FREE_PORTS_FROM = 1_024;
/** Names that mean this machine or its network wherever they are asked for. */
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
  if (url.username !== '' || url.password !== '')
    throw new ForbiddenUrl('must hold no user name and no password');
  if (url.hash !== '') throw new ForbiddenUrl('must hold no fragment (#…)');
  const port = url.port === '' ? HTTPS_PORT : Number(url.port);
  if (!allowPrivate && port !== HTTPS_PORT && port < FREE_PORTS_FROM)
    throw new ForbiddenUrl(`must use port ${HTTPS_PORT}, or one from ${FREE_PORTS_FROM} on`);
  const literal = addressLiteral(url.hostname);
  const allowed =
    literal === null
      ? allowPrivate || isPublicName(url.hostname)
      : isAllowedAddress(literal, rules);
  if (!allowed)
    throw new ForbiddenUrl('must be a public address: this machine and private networks are not');
  return url;
}

/** A name of one label is one of this network, whatever it is. */
function isPublicName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return name.includes('.') && !LOCAL_NAME.test(name);
}
