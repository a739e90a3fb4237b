/** Every file of providers/: its dialect and its adapter agree, so the file does not contradict itself. */
import { Secret } from '../../src/domain/masking/secret';
import { findAdapter } from '../../src/providers/adapters/registry';
import { catalogueIds, readCatalogueFile } from '../../src/providers/catalogue/read-file';
import type { Sandbox } from '../../src/sandbox/server';
import { stopProviders } from '../providers/_provider';
import { consent, providerAt, refresh, revoke, validate } from './_file-round-trip';
import { sandboxForTest, stopSandboxes } from './_token-client';

let sandbox: Sandbox;
let nowMs = Date.now();
beforeAll(async () => {
  sandbox = await sandboxForTest({ now: () => new Date(nowMs) });
});
afterAll(async () => {
  await stopProviders();
  await stopSandboxes();
});

const described = catalogueIds().map((id) => ({ id, file: readCatalogueFile(id) }));
const connectable = described.filter(({ file }) => file.authorization !== undefined);

async function granted(id: string, file: (typeof described)[number]['file'], subject: string) {
  const at = providerAt(sandbox, id);
  const { outcome } = await consent(at, file, subject);
  if (outcome.kind !== 'granted') throw new Error(`${outcome.failure}: ${outcome.detail}`);
  const { accessToken, refreshToken } = outcome.grant;
  return {
    at,
    outcome,
    accessToken: accessToken?.reveal() ?? '',
    refreshToken: refreshToken?.reveal() ?? null,
  };
}

/** Moves the clock of the sandbox close to the expiry of the access token, if an earlier refresh is refused. */
function waitUntilRefreshable({ notBefore, lives }: (typeof described)[number]['file']): void {
  if (notBefore !== undefined && typeof lives.access === 'number')
    nowMs += lives.access - notBefore / 2;
}

/** The warnings that no example of the file states. */
const undocumented = ({ examples }: (typeof described)[number]['file'], warnings: string[]) =>
  warnings.filter((one) => !examples.answers.some((answer) => answer.warnings.includes(one)));

/** A token without its random end, to compare the looks of two tokens. */
const look = (token: string) => token.slice(0, 2);

describe.each(connectable)('providers/$id.yaml', ({ id, file }) => {
  const renewable = file.renewal === 'refresh_token';

  it('reads its own answer to a code without a warning, and names who consented', async () => {
    const { outcome, accessToken, refreshToken } = await granted(id, file, '48213');
    expect(undocumented(file, outcome.warnings)).toEqual([]);
    expect(sandbox.isAccessTokenActive(accessToken)).toBe(true);
    expect(refreshToken === null).toBe(file.renewal === 'none');
    const named = file.identity !== undefined && file.identity.from !== 'none';
    expect(outcome.subject === null).toBe(!named);
    const other = await granted(id, file, '48214');
    expect(other.outcome.subject?.value === outcome.subject?.value).toBe(!named);
  });

  it('mints tokens that look like its examples, and gives no warning about them', async () => {
    const { accessToken, refreshToken } = await granted(id, file, '48215');
    const adapter = findAdapter(id);
    const examples = file.examples.answers.map((one) => look(one.accessToken));
    // A part of an example that a provider would have at random.
    const isRandom = (text: string) => text === 'ex' || /^\d/.test(text);
    expect(examples.some((one) => isRandom(one) || one === look(accessToken))).toBe(true);
    for (const token of [accessToken, refreshToken ?? accessToken])
      expect(adapter?.tokenProblem?.(token) ?? null).toBeNull();
    expect(refreshToken === null ? null : adapter?.refreshTokenWarning(refreshToken)).toBeNull();
  });

  if (file.renewal !== 'none')
    it('refreshes twice without a warning, and rotates as it states', async () => {
      const first = await granted(id, file, '48216');
      const tokens = [first.refreshToken ?? first.accessToken];
      for (let use = 0; use < 2; use += 1) {
        const latest = tokens.at(-1) ?? '';
        waitUntilRefreshable(file);
        const result = await refresh(first.at, file, latest);
        expect(result).toMatchObject({ outcome: 'ok', failure: null });
        expect(undocumented(file, result.warnings)).toEqual([]);
        const [received] = result.received;
        expect(sandbox.isAccessTokenActive(received?.accessToken ?? '')).toBe(true);
        tokens.push(received?.refreshToken ?? latest);
      }
      const different = new Set(tokens).size;
      const expected = { never: 1, sometimes: 2, always: 3, unknown: different };
      expect(different).toBe(renewable ? expected[file.rotation ?? 'unknown'] : 3);
    });

  if (file.renewal !== 'none')
    it('classifies a dead token and a wrong client as what they are', async () => {
      const { at, accessToken, refreshToken } = await granted(id, file, '48217');
      const presented = refreshToken ?? accessToken;
      waitUntilRefreshable(file);
      sandbox.script({ answer: { kind: 'rate_limited', retryAfter: '7' } });
      expect((await refresh(at, file, presented)).failure).toMatchObject({ code: 'rate_limited' });
      const another = { clientId: 'another-app', clientSecret: new Secret('another-secret') };
      const stranger = providerAt(sandbox, id, another);
      expect((await refresh(stranger, file, presented)).failure).toMatchObject({ class: 'app' });
      sandbox.revoke(presented);
      const { failure } = await refresh(at, file, presented);
      expect(failure).toMatchObject({ class: 'account', code: 'invalid_grant' });
    });

  if (file.validation !== undefined)
    it('judges a living token as valid and a dead one as invalid', async () => {
      const { at, accessToken } = await granted(id, file, '48218');
      expect(await validate(at, file, accessToken)).toMatchObject({ verdict: 'valid' });
      sandbox.revoke(accessToken);
      expect(await validate(at, file, accessToken)).toMatchObject({ verdict: 'invalid' });
    });

  if (file.revocation?.url !== undefined)
    it('revokes a grant, and its access token with it', async () => {
      const { at, accessToken, refreshToken } = await granted(id, file, '48219');
      const kind = file.revocation?.request?.token ?? 'any';
      const isAccess = kind === 'access_token' || refreshToken === null;
      const revocation = isAccess
        ? await revoke(at, accessToken, 'access_token')
        : await revoke(at, refreshToken);
      expect(revocation).toMatchObject({ result: 'revoked' });
      expect(sandbox.isAccessTokenActive(accessToken)).toBe(false);
    });
});
