/**
 * Decides which addresses a tenant's URL may reach. Only public addresses are allowed. Refused are this machine, its
 * network, cloud metadata services, and ranges that translate to them (NAT64, 6to4, IPv4-mapped IPv6).
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface AddressRules {
  /** Also allows this machine and private networks, plain HTTP and any port, for development and tests. */
  allowPrivate: boolean;
}

/** The block of all public IPv6 addresses. The library's `unicast` range is larger. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Ranges that `allowPrivate` adds. Link-local is excluded, because clouds use it for metadata. */
const PRIVATE_RANGES: readonly string[] = ['loopback', 'private', 'uniqueLocal'];

/**
 * Cloud metadata services outside of the refused ranges: Azure's WireServer, and the IPv6 addresses of AWS and Google
 * Cloud. The others are link-local or reserved.
 * @see [Azure](https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16)
 * @see [AWS](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html)
 * @see [Google Cloud](https://cloud.google.com/compute/docs/metadata/querying-metadata)
 */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set(
  ['168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254'].map((address) =>
    ipaddr.parse(address).toNormalizedString(),
  ),
);

/** @param address an IP address as text */
export function isAllowedAddress(address: string, { allowPrivate }: AddressRules): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (METADATA_ADDRESSES.has(parsed.toNormalizedString())) return false;
  const range = parsed.range();
  if (allowPrivate && PRIVATE_RANGES.includes(range)) return true;
  return range === 'unicast' && (parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST));
}

/** Returns the address in a URL's host, without brackets, or `null` if the host is a name. */
export function addressLiteral(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}
