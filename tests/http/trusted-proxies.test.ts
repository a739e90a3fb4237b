/** The client of a request, as trusted proxies report it. */
import type { IncomingMessage } from 'node:http';
import { type Network, parseNetwork } from '../../src/domain/access/network';
import { TrustedProxies } from '../../src/http/trusted-proxies';

const trusted = new TrustedProxies(
  ['10.0.0.0/8', 'fd00::1'].map(parseNetwork).filter((one): one is Network => one !== null),
);

const clientOf = (remoteAddress: string | undefined, headers: Record<string, string>) =>
  trusted.clientOf({ socket: { remoteAddress }, headers } as unknown as IncomingMessage);

describe('the address of the client', () => {
  it.each<[string, string | undefined, Record<string, string>, string | null]>([
    ['is the remote end of the connection', '192.0.2.1', {}, '192.0.2.1'],
    ['is IPv4 also if the socket reports it as IPv6', '::ffff:192.0.2.1', {}, '192.0.2.1'],
    ['is unknown once the connection is closed', undefined, {}, null],
    [
      'is not taken from an untrusted X-Forwarded-For',
      '192.0.2.1',
      { 'x-forwarded-for': '198.51.100.9' },
      '192.0.2.1',
    ],
    [
      'is not taken from an untrusted Forwarded',
      '192.0.2.1',
      { forwarded: 'for=198.51.100.9' },
      '192.0.2.1',
    ],
    ['is the trusted proxy itself if it reports nothing', '10.0.0.1', {}, '10.0.0.1'],
    [
      'is the address that a trusted proxy reports',
      '10.0.0.1',
      { 'x-forwarded-for': '198.51.100.9' },
      '198.51.100.9',
    ],
    [
      'is the address that a trusted proxy with an IPv6 address reports',
      '::ffff:10.0.0.1',
      { 'x-forwarded-for': '::ffff:198.51.100.9' },
      '198.51.100.9',
    ],
    [
      'is the right-most address that is not a trusted proxy',
      '10.0.0.1',
      { 'x-forwarded-for': '203.0.113.7, 198.51.100.9, 10.0.0.2' },
      '198.51.100.9',
    ],
    [
      'is the left-most address if every hop is trusted',
      '10.0.0.1',
      { 'x-forwarded-for': '10.0.0.3, 10.0.0.2' },
      '10.0.0.3',
    ],
    [
      'may come with a port',
      '10.0.0.1',
      { 'x-forwarded-for': '198.51.100.9:4711' },
      '198.51.100.9',
    ],
    [
      'may be IPv6 in brackets with a port',
      '10.0.0.1',
      { 'x-forwarded-for': '[2001:DB8::9]:4711' },
      '2001:db8::9',
    ],
    ['may be bare IPv6', 'fd00::1', { 'x-forwarded-for': '2001:db8::9' }, '2001:db8::9'],
    [
      'is the last trusted proxy before a malformed element',
      '10.0.0.1',
      { 'x-forwarded-for': '198.51.100.9, nonsense, 10.0.0.2' },
      '10.0.0.2',
    ],
    [
      'is the last trusted proxy before an empty element',
      '10.0.0.1',
      { 'x-forwarded-for': '198.51.100.9,' },
      '10.0.0.1',
    ],
    [
      'is read from Forwarded',
      '10.0.0.1',
      { forwarded: 'for=203.0.113.7, For="[2001:db8::9]:4711";proto=https;by=10.0.0.2' },
      '2001:db8::9',
    ],
    [
      'is read from Forwarded before trusted hops',
      '10.0.0.1',
      { forwarded: 'for=198.51.100.9;by=_x, for=10.0.0.2' },
      '198.51.100.9',
    ],
    [
      'is the last trusted proxy if the client is hidden',
      '10.0.0.1',
      { forwarded: 'for=198.51.100.9, for=_hidden, for=10.0.0.2' },
      '10.0.0.2',
    ],
    [
      'is the last trusted proxy if the client is unknown',
      '10.0.0.1',
      { forwarded: 'for=unknown' },
      '10.0.0.1',
    ],
    [
      'is read to the right of an unclosed quote',
      '10.0.0.1',
      { forwarded: 'for="1.1.1.1, for=198.51.100.9' },
      '198.51.100.9',
    ],
    [
      'is the proxy if its element does not name the client',
      '10.0.0.1',
      { forwarded: 'proto=https' },
      '10.0.0.1',
    ],
    [
      'is the address in both headers',
      '10.0.0.1',
      { forwarded: 'for=198.51.100.9', 'x-forwarded-for': '1.1.1.1, 198.51.100.9' },
      '198.51.100.9',
    ],
    [
      'is the proxy if the two headers disagree',
      '10.0.0.1',
      { forwarded: 'for=203.0.113.7', 'x-forwarded-for': '198.51.100.9' },
      '10.0.0.1',
    ],
  ])('%s', (_what, peer, headers, address) => {
    expect(clientOf(peer, headers).address).toBe(address);
  });
});

describe('scheme and host', () => {
  it.each<[string, string, Record<string, string>, string | null, string | null]>([
    [
      'are not taken from an untrusted sender',
      '192.0.2.1',
      {
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'a.example',
        forwarded: 'proto=https;host=a.example',
      },
      null,
      null,
    ],
    [
      'are the ones that a trusted proxy reports',
      '10.0.0.1',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example' },
      'https',
      'a.example',
    ],
    [
      'are the ones of the outermost trusted proxy',
      '10.0.0.1',
      { 'x-forwarded-for': '198.51.100.9, 10.0.0.2', 'x-forwarded-proto': 'https, http' },
      'https',
      null,
    ],
    [
      'are the same for all hops if only one is given',
      '10.0.0.1',
      { 'x-forwarded-for': '198.51.100.9, 10.0.0.2', 'x-forwarded-proto': 'https' },
      'https',
      null,
    ],
    [
      'are not taken from the client’s part on the left',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, 198.51.100.9', 'x-forwarded-proto': 'ftp, https' },
      'https',
      null,
    ],
    [
      'are read from Forwarded',
      '10.0.0.1',
      {
        forwarded:
          'for=1.1.1.1;host=evil.example, for=198.51.100.9;proto=https;host="a.example:8443"',
      },
      'https',
      'a.example:8443',
    ],
  ])('%s', (_what, peer, headers, protocol, host) => {
    expect(clientOf(peer, headers)).toMatchObject({ protocol, host });
  });
});
