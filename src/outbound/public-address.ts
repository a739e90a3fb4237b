/**
 * Which addresses a tenant's URL may lead to. Anything that is not plainly public is refused: this machine, its
 * network, clouds' metadata, and the ranges that translate to those (NAT64, 6to4, IPv4 in IPv6).
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface AddressRules {
  /** This machine and private networks too, over plain HTTP and on any port: for development and tests. */
  allowPrivate: boolean;
}

/** The block that holds every public IPv6 address; the library calls more than that unicast. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** What `allowPrivate` adds. Link-local, where clouds keep their metadata, is never among them. */
const PRIVATE_RANGES: readonly string[] = ['loopback', 'private', 'uniqueLocal'];

/** @param address an IP address as text */
export function isAllowedAddress(address: string, { allowPrivate }: AddressRules): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (allowPrivate && PRIVATE_RANGES.includes(range)) return true;
  return range === 'unicast' && (parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST));
}

/** The address that a URL's host is, as text without brackets; `null`: it is a name. */
export function addressLiteral(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}
