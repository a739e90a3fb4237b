/**
 * The SSRF guard: URLs that lead to this machine or its network in every form that is known to slip through, held
 * against a listener on loopback that counts who connects.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import {
  createGuardedTransport,
  type GuardedTransport,
  OutboundError,
  type Resolve,
} from '../../src/outbound/guarded-transport';
import { isAllowedAddress } from '../../src/outbound/public-address';
import { checkedTenantUrl, ForbiddenUrl } from '../../src/outbound/tenant-url';

const PUBLIC_ONLY = { allowPrivate: false };

let listener: Server;
let port: number;
let accepted = 0;
beforeAll(async () => {
  listener = createServer((socket) => {
    accepted += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  ({ port } = listener.address() as AddressInfo);
});
afterAll(() => new Promise((resolve) => listener.close(resolve)));
beforeEach(() => {
  accepted = 0;
});

/** Names of the tests, all of which lead here or nearby. */
const toLoopback: Resolve = (_hostname, done) => done(null, ['127.0.0.1']);

const send = (transport: GuardedTransport, url: string) =>
  transport.post({ url, headers: {}, body: '{}', deadlineMs: 2_000 });

async function post(url: string, resolve: Resolve = toLoopback) {
  const transport = createGuardedTransport(PUBLIC_ONLY, resolve);
  try {
    return await send(transport, url);
  } finally {
    await transport.close();
  }
}

/** `@` stands for the listener's port. */
const LITERALS = [
  'https://168.63.129.16/',
  'https://[::ffff:168.63.129.16]/',
  'https://0xa83f8110/',
  'https://[fd00:ec2::254]/',
  'https://[fd20:ce::254]/',
  'https://127.0.0.1:@/',
  'https://127.0.0.1.:@/',
  'https://127.1:@/',
  'https://127.0.1:@/',
  'https://127.255.255.254:@/',
  'https://2130706433:@/',
  'https://0x7f000001:@/',
  'https://0x7f.0.0.1:@/',
  'https://0x7f.0x0.0x0.0x1:@/',
  'https://0177.0.0.1:@/',
  'https://0177.0000.0000.0001:@/',
  'https://017700000001:@/',
  'https://127.0.0.0x1:@/',
  'https://0:@/',
  'https://0.0.0.0:@/',
  'https://%31%32%37.0.0.1:@/',
  'https://127%2E0.0.1:@/',
  'https://１２７.０.０.１:@/',
  'https://①②⑦.⓪.⓪.①:@/',
  'https://127。0。0。1:@/',
  'https:127.0.0.1:@/',
  'https:\\\\127.0.0.1:@/',
  'https:///127.0.0.1:@/',
  'https://127.0.0.1\t:@/',
  ' https://127.0.0.1:@/ ',
  'https://[::1]:@/',
  'https://[0:0:0:0:0:0:0:1]:@/',
  'https://[::]:@/',
  'https://[::ffff:127.0.0.1]:@/',
  'https://[::ffff:7f00:1]:@/',
  'https://[0000:0000:0000:0000:0000:ffff:7f00:0001]:@/',
  'https://[::127.0.0.1]:@/',
  'https://[::7f00:1]:@/',
  'https://[::ffff:0:127.0.0.1]:@/',
  'https://[64:ff9b::127.0.0.1]:@/',
  'https://[64:ff9b:1::7f00:1]:@/',
  'https://[2002:7f00:1::]:@/',
  'https://[2001:0:7f00:1::]:@/',
  'https://[fe80::1]:@/',
  'https://[fec0::1]:@/',
  'https://[fc00::1]:@/',
  'https://[fd00:ec2::254]/latest/meta-data/',
  'https://[ff02::1]:@/',
  'https://[2001:db8::1]:@/',
  'https://10.0.0.1:@/',
  'https://172.16.0.1:@/',
  'https://172.31.255.255:@/',
  'https://192.168.1.1:@/',
  'https://100.64.0.1:@/',
  'https://169.254.169.254/latest/meta-data/',
  'https://0xa9fea9fe/latest/meta-data/',
  'https://2852039166/latest/meta-data/',
  'https://192.0.0.8:@/',
  'https://192.0.2.1:@/',
  'https://198.18.0.1:@/',
  'https://224.0.0.1:@/',
  'https://240.0.0.1:@/',
  'https://255.255.255.255:@/',
];

const NAMES = [
  'https://localhost:@/',
  'https://LOCALHOST:@/',
  'https://localhost.:@/',
  'https://ｌｏｃａｌｈｏｓｔ:@/',
  'https://app.localhost:@/',
  'https://mongo:@/',
  'https://printer.local:@/',
  'https://metadata.google.internal/',
  'https://router.lan:@/',
  'https://nas.home.arpa:@/',
];

const FORMS = [
  'http://example.com/',
  'http://127.0.0.1:@/',
  'HTTP://127.0.0.1:@/',
  'ftp://127.0.0.1:@/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:@/_',
  'data:text/plain,x',
  'javascript:alert(1)',
  '//127.0.0.1:@/',
  'https://example.com@127.0.0.1:@/',
  'https://example.com:443@127.0.0.1:@/',
  'https://user:password@example.com/',
  'https://127.0.0.1:@#@example.com/',
  'https://127.0.0.1:@\\@example.com/',
  'https://example.com:22/',
  'https://example.com:25/',
  'https://example.com:80/',
  'https://example.com:0/',
  'https://example.com:99999/',
  'https://[fe80::1%25lo]:@/',
  'https://exa mple.com/',
  'https://',
  '',
  `https://example.com/${'x'.repeat(2_000)}`,
];

const withPort = (url: string) =>
  url.replaceAll('@/', `${port}/`).replace(/:@(?=[#\\])/, `:${port}`);

it.each([...LITERALS, ...NAMES, ...FORMS])('refuses %j', async (form) => {
  const url = withPort(form);
  expect(() => checkedTenantUrl(url, PUBLIC_ONLY)).toThrow(ForbiddenUrl);
  // A URL stored under older rules is refused at delivery, too.
  await expect(post(url)).rejects.toMatchObject({ code: 'address_refused' });
  expect(accepted).toBe(0);
});

it.each(['https://example.com/hooks', 'https://example.com:8443/x?y=z', 'https://1.1.1.1/'])(
  'accepts %s',
  (url) => {
    expect(checkedTenantUrl(url, PUBLIC_ONLY).href).toBe(url);
  },
);

it.each(
  LITERALS.flatMap((form) => {
    const { hostname } = new URL(form.replace('@/', '443/'));
    return [hostname.replace(/^\[|\]$/g, '')];
  }).filter((address, at, all) => all.indexOf(address) === at),
)('the guard does not connect to a name that resolves to %s', async (address) => {
  const resolve: Resolve = (_hostname, done) => done(null, [address]);
  await expect(post(`https://hooks.example.com:${port}/`, resolve)).rejects.toMatchObject({
    code: 'address_refused',
  });
  expect(accepted).toBe(0);
});

it('the guard connects to no address of a name if one of them is private', async () => {
  const resolve: Resolve = (_hostname, done) => done(null, ['1.1.1.1', '127.0.0.1']);
  await expect(post(`https://hooks.example.com:${port}/`, resolve)).rejects.toMatchObject({
    code: 'address_refused',
  });
});

it('a transport without the guard reaches the listener', async () => {
  const open = createGuardedTransport({ allowPrivate: true }, toLoopback);
  await expect(send(open, `http://hooks.example.com:${port}/`)).rejects.toThrow(OutboundError);
  expect(accepted).toBe(1);
  await open.close();
});

describe('a name that changes its address between lookups', () => {
  /** A public address that no host has. */
  const UNASSIGNED = '2d00::1';

  async function rebind(tries: number, allowPrivate: boolean) {
    let looks = 0;
    const resolve: Resolve = (_hostname, done) => {
      looks += 1;
      done(null, [looks % 2 === 1 ? UNASSIGNED : '127.0.0.1']);
    };
    const transport = createGuardedTransport({ allowPrivate }, resolve);
    const codes: string[] = [];
    const urls = Array.from(
      { length: tries },
      (_, at) => `https://hooks-${at}.example.com:${port}/`,
    );
    await Promise.all(
      urls.map((url) =>
        send(transport, url).catch((error: OutboundError) => codes.push(error.code)),
      ),
    );
    await transport.close();
    return { looks, refused: codes.filter((code) => code === 'address_refused').length };
  }

  it('never reaches loopback in 1,000 attempts, because each connection uses its own single lookup', async () => {
    expect(isAllowedAddress(UNASSIGNED, PUBLIC_ONLY)).toBe(true);
    expect(await rebind(1_000, false)).toEqual({ looks: 1_000, refused: 500 });
    expect(accepted).toBe(0);
  });

  it('reaches loopback in every second attempt without the guard', async () => {
    expect(await rebind(50, true)).toEqual({ looks: 50, refused: 0 });
    expect(accepted).toBe(25);
  });
});

it('the guard refuses metadata services of clouds even if private addresses are allowed', () => {
  const rules = { allowPrivate: true };
  for (const address of ['127.0.0.1', '10.1.2.3', '::1', 'fd12::1'])
    expect(isAllowedAddress(address, rules)).toBe(true);
  const metadata = ['169.254.169.254', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254'];
  for (const address of [...metadata, 'fe80::1', '0.0.0.0', '100.100.100.200', 'nonsense'])
    expect(isAllowedAddress(address, rules)).toBe(false);
  expect(() => checkedTenantUrl('http://169.254.169.254/', rules)).toThrow(ForbiddenUrl);
  expect(checkedTenantUrl('http://localhost:8080/x', rules).port).toBe('8080');
});
