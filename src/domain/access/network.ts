/** Normalises IP addresses and networks, so that each client is counted under one text. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A base address and the number of leading bits that must match. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Prefix length of an IPv6 client. An ISP assigns the /64; the client chooses the remaining bits. */
const SUBSCRIBER_BITS = 64;

/** Parses an address, or a network in CIDR notation, or `null` if the text is neither. */
export function parseNetwork(text: string): Network | null {
  const [base = '', bits, ...more] = text.split('/');
  const parsed = parse(base);
  if (parsed === null || more.length > 0) return null;
  const bitsMax = parsed.kind() === 'ipv4' ? 32 : 128;
  if (bits === undefined) return [parsed, bitsMax];
  // The prefix length of an IPv4-mapped IPv6 network includes the 96 bits before the IPv4 address.
  const skipped = parsed.kind() === 'ipv4' && base.includes(':') ? 96 : 0;
  const count = /^\d{1,3}$/.test(bits) ? Number(bits) - skipped : -1;
  return count >= 0 && count <= bitsMax ? [parsed, count] : null;
}

/** Returns an address in canonical form (IPv4-mapped IPv6 as IPv4, without a zone), or `null` if it is invalid. */
export function normalAddress(text: string): string | null {
  return parse(text)?.toString() ?? null;
}

export function isIn(address: string, networks: readonly Network[]): boolean {
  const parsed = parse(address);
  return (
    parsed !== null &&
    networks.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits))
  );
}

/** Returns the key under which failures are counted. An IPv6 client can use any address of its /64. */
export function subscriberOf(address: string): string {
  if (isIP(address) !== 6) return address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${SUBSCRIBER_BITS}`).toString()}/${SUBSCRIBER_BITS}`;
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const withoutZone = text.replace(/%.*$/, '');
  return isIP(withoutZone) === 0 ? null : ipaddr.process(withoutZone);
}
