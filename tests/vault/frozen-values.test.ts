/**
 * Values sealed with fixed keys, which must open forever. If one of these tests fails, the format has changed and
 * existing databases cannot be read. Never change a value here; add a new one.
 */
import { KeyRing } from '../../src/vault/key-ring';
import { open } from '../../src/vault/sealing';
import { Vault } from '../../src/vault/vault';

/** Test keys: 32 bytes counting up, and 32 counting down. */
const ring = KeyRing.parse(
  'k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,2025-06.b://79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=',
);

const CANARY =
  'ENC:v1:k1:grMhLFnAvn14_V74hFliRCDmDL-o7K888ig5Ic6C_qSGFf1wdgUsEjwSdRNMax0lf1r0g2lPE4-19ROJQkYyVdL5ik8lMIgFC3SVZhCdtzI1aZZscXNE8wg6wUVDu-TT-i0_Ve6UVUgftJ0KFyzaZIQ4BUSmf8bU';

describe('a value sealed by an earlier version', () => {
  it.each([
    {
      what: 'a refresh token',
      sealed:
        'ENC:v1:k1:O49QaAadSUK0p38Ium8cJcq31m4DvEw9Y_jC79M2LzEaIYVzrUcfKN5NMW2qVoYsS-OpSzkNIhqarEW7Y4prRBcMYB6B1X48fXUXC9DZtT85hgci8vcfzphAudDLQBygVbN0',
      place: { organisation: 'org_a', account: 'acc_1', field: 'refresh_token' },
      text: 'v^1.1#i^1#r^1#t^Ul4xMF8',
    },
    {
      what: 'an empty access token',
      sealed:
        'ENC:v1:k1:3gVG4_IvdKwfKQ7kbERZ-5_pClIA8j8yn8_tC25ZZs8-yGaN9WSpmKitevsBD8wXzxT_fTkicXEQ0vdxbwSrki675EWVooxL0uGR3Q',
      place: { organisation: 'org_a', account: 'acc_1', field: 'access_token' },
      text: '',
    },
    {
      what: 'a text and a place with many alphabets, and a key id with every kind of character',
      sealed:
        'ENC:v1:2025-06.b:SsrWRe65PydG_hkg3DGzEfXFp5QEWusrXTc9PmKhdVxda7anb77sBgfzO6hD5zIi76UfRnyus0lZEQ00jaTi3R9TfcFCG2dbYRdtDDh6TDpStXGSGsT0eAjLKLlqDfx51XWqQQ',
      place: { organisation: 'Käse & Söhne', account: 'acc_ü', field: 'refresh_token' },
      text: 'zażółć gęślą 🔑',
    },
    {
      what: 'a canary',
      sealed: CANARY,
      place: { organisation: '', account: 'canary', field: 'fingerprint_key' },
      text: 'CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=',
    },
  ])('opens: $what', ({ sealed, place, text }) => {
    expect(open(ring, sealed, place)).toBe(text);
  });

  it('has the same fingerprints, so that old log entries stay comparable', async () => {
    const vault = await Vault.open(ring, {
      readCanary: () => Promise.resolve(CANARY),
      writeCanaryIfAbsent: () => Promise.reject(new Error('there is one')),
    });
    expect(vault.fingerprint('v^1.1#i^1#r^1#t^Ul4xMF8')).toBe('nx2xOHTAupAC');
    expect(vault.fingerprint('')).toBe('vI98SGMKXB_F');
  });
});
