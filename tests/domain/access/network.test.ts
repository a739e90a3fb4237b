/** Addresses and networks in the formats of operators and sockets. */
import {
  isIn,
  normalAddress,
  parseNetwork,
  subscriberOf,
} from '../../../src/domain/access/network';

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', null],
    ['unknown', null],
    ['192.0.2', null],
    ['0x7f.1', null],
    ['192.0.2.1:80', null],
    ['192.0.2.256', null],
  ])('%s is normalised to %s', (text, normal) => {
    expect(normalAddress(text)).toBe(normal);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::', '2001:db8:1:3::/64'],
  ])('%s is counted as %s', (address, counted) => {
    expect(subscriberOf(address)).toBe(counted);
  });
});

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', '10.0.0.1', false],
    ['::1', '::1', true],
  ])('%s contains %s: %s', (text, address, isInIt) => {
    const network = parseNetwork(text);
    expect(network).not.toBeNull();
    expect(isIn(address, network === null ? [] : [network])).toBe(isInIt);
  });

  it.each([
    '',
    'proxy',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10/8',
    '::/129',
    '::ffff:10.0.0.0/90',
    '*',
  ])('rejects "%s"', (text) => {
    expect(parseNetwork(text)).toBeNull();
  });
});
