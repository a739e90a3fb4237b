/** An account has one external id, however it is written. */
import * as fc from 'fast-check';
import { adapterIds, findAdapter } from '../../src/providers/adapters/registry';
import {
  externalIdProblem,
  externalIdWarnings,
  normalizedExternalId,
} from '../../src/providers/external-id';

const adapters = adapterIds().flatMap((id) => findAdapter(id) ?? []);
const shopify = findAdapter('shopify');
if (shopify === undefined) throw new Error('no adapter named shopify');

it.each(adapters.map((adapter) => [adapter.id, adapter] as const))(
  'normalises an id of %s to one stable form',
  (_id, adapter) => {
    const written = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.domain());
    fc.assert(
      fc.property(written, (text) => {
        const once = normalizedExternalId(text, adapter);
        for (const other of [once ?? text, ` ${text}`, `${text}\u00A0`, text.normalize('NFD')])
          expect(normalizedExternalId(other, adapter)).toBe(once);
      }),
    );
  },
);

it('writes a shop of Shopify in lower case, and accepts only shops', () => {
  expect(normalizedExternalId('Lantern-Lane.MyShopify.com', shopify)).toBe(
    'lantern-lane.myshopify.com',
  );
  expect(normalizedExternalId('lantern-lane.example', shopify)).toBeNull();
});

it.each(['1.23457E+18', '1,23457e+18', '1E+10', '1.2E18'])(
  'warns about %s, a rounded number',
  (id) => {
    expect(externalIdWarnings(id)).toEqual([expect.stringMatching(/spreadsheet/)]);
  },
);

it.each(['123456789012345678', 'harbour-books', '1e', 'E+18', 'Müller & Söhne', '2E+3 GmbH'])(
  'gives no warning for %s',
  (id) => {
    expect(externalIdWarnings(id)).toEqual([]);
    expect(externalIdProblem(id)).toBeNull();
  },
);

it('warns about lost and invisible characters, and refuses control characters', () => {
  expect(externalIdWarnings('M\uFFFDller')).toEqual([expect.stringMatching(/U\+FFFD/)]);
  expect(externalIdWarnings('a\u200Bb')).toEqual([expect.stringMatching(/invisible/)]);
  expect(externalIdProblem('a\tb')).toMatch(/U\+0009/);
});
