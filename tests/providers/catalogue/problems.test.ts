/** The problems of a provider file: each names its field and a remedy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { contractOf } from '../../../src/providers/catalogue/contract';
import { fileAdapter } from '../../../src/providers/catalogue/file-adapter';
import { parseProviderFile } from '../../../src/providers/catalogue/read-file';

const XERO: unknown = parse(readFileSync(join(__dirname, '../../../providers/xero.yaml'), 'utf8'));

/** The file of Xero with another value at a path of member names. */
function xeroWith(path: string, value: unknown): string {
  const file = structuredClone(XERO);
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<any>((members, name) => members[name], file);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return JSON.stringify(file);
}

const problemsOf = (text: string): readonly string[] => {
  try {
    parseProviderFile('xero', text);
    return [];
  } catch (error) {
    return (error as { problems: string[] }).problems;
  }
};

describe('the form', () => {
  it.each<[string, unknown, string]>([
    ['name', undefined, 'name: is missing; add it. The name shown to people.'],
    ['checked', '1.1.2026', 'checked: must be a date such as 2026-11-30, not "1.1.2026"'],
    [
      'docs',
      'javascript:alert(1)',
      'docs: must be a URL that begins with https://, such as https://docs.example.com/oauth, not',
    ],
    ['docs', 'https://u:p@as.example', 'docs: must not contain a user name or a password'],
    ['sources.token', 'ftp://as.example', 'sources.token: must be a URL that begins with https://'],
    [
      'sources.token',
      ['https://as.example', 'http://as.example'],
      'sources.token.1: must be a URL that begins with https://',
    ],
    [
      'token.headers',
      { Host: 'evil.example' },
      'token.headers.Host: must be absent, because Evergrant sets it; remove it',
    ],
    [
      'token.headers',
      { authorization: 'Basic eDp5' },
      'token.headers.authorization: must be absent; token.clientAuthentication and token.basic state',
    ],
    [
      'validation.headers',
      { host: 'evil.example' },
      'validation.headers.host: must be absent, because Evergrant sets it; remove it',
    ],
    ['docs', 'x', 'docs: must be a URL such as https://docs.example.com/oauth, not "x"'],
    ['token.url', 'http://x', 'token.url: must be an https:// URL, with inputs as {name}, not'],
    ['token.clientAuthentication', [], 'token.clientAuthentication: must be a list with an entry'],
    ['token.body', 'xml', 'token.body: must be form, json or query, not "xml"'],
    ['token.bodi', 'x', 'token.bodi: token has no such member; correct the name or remove it'],
    ['lives.access', 30, 'lives.access: must be endless, or a duration such as 90s, 10m or 1h'],
    ['lives.refresh', { idle: 1 }, 'lives.refresh.idle: must be a duration such as'],
    ['replay', 'no', 'replay: must be safe, until_successor_used, never or a duration such as'],
    ['identity.from', 'x', 'identity.from: must be id_token, answer, access_token, callback'],
    [
      'identity',
      { from: 'answer', subjct: 'id', subject: 'id' },
      'identity.subjct: identity with from: answer has no such member; correct the name or remove it; its members are from, subject, label',
    ],
    ['examples', undefined, 'examples: is missing; add it'],
    ['examples.answers.0.expiresIn', undefined, 'examples.answers.0.expiresIn: is missing'],
    [
      'authorization.pkce',
      'no',
      'authorization.pkce: must be S256 or {refused: <the statement of the provider>}, not "no"',
    ],
    [
      'examples.refresh.request.headers.Authorization',
      'Basic eDp5',
      'examples.refresh.request.headers.Authorization: the name must be in lower case; correct the name',
    ],
    [
      'token.url',
      { production: 'https://as.example.com/t', Sandbox: 'https://as.example.com/t' },
      'token.url.Sandbox: the name must be lower-case letters, digits and "-", such as production; correct',
    ],
    [
      'errors',
      { rules: [{ means: 'invalid_grant' }] },
      'errors.rules.0: must have codes, text or status; add the member by which the refusal is recognised',
    ],
    [
      'lives.access',
      '0s',
      'lives.access: must be a duration of more than 0 in ms, s, m, h or d, such as 90s, 10m or 1h, not "0s"',
    ],
    [
      'lives.access',
      '5y',
      'lives.access: must be a duration of more than 0 in ms, s, m, h or d, such as 90s, 10m or 1h, not "5y"',
    ],
    ['lives.access', '401d', 'lives.access: must be 400d or less, not "401d"'],
    [
      'lives.refresh',
      { absolute: '7301d' },
      'lives.refresh.absolute: must be 7300d or less, not "7301d"',
    ],
    [
      'replay',
      '5y',
      'replay: must be safe, until_successor_used, never or a duration of more than 0 in ms, s, m, h or d',
    ],
    [
      'examples.answers',
      undefined,
      'examples.answers: is missing; add it. Documented responses of the token endpoint, each with',
    ],
    [
      'examples.refusals',
      undefined,
      'examples.refusals: is missing; add it. Documented refusals, each with its failure code.',
    ],
    [
      'examples.callbacks',
      undefined,
      'examples.callbacks: is missing; add it. Parameters of callbacks, and whether',
    ],
    [
      'token.url',
      'https://user:pw@as.example.com/t',
      'token.url: must not contain a user name, a password or a fragment',
    ],
    [
      'authorization.url',
      'https://{shop}@as.example.com/a',
      'authorization.url: must not contain a user name, a password or a fragment',
    ],
    [
      'revocation.url',
      { production: 'https://as.example.com/r#f' },
      'revocation.url.production: must not contain a user name, a password or a fragment',
    ],
    [
      'validation.url',
      'https://as.example.com/v#',
      'validation.url: must not contain a user name, a password or a fragment',
    ],
    [
      'identity',
      { from: 'id_token', issuer: 'https://u@as.example.com' },
      'identity.issuer: must not contain a user name, a password or a fragment',
    ],
    [
      'token.url',
      { sandbox: 'https://as.example.com/t' },
      'token.url.production: is missing; add it, because an entry without environments uses it',
    ],
    [
      'authorization.url',
      { production: 'https://as.example.com/a', sandbx: 'https://as.example.com/a' },
      'authorization.url.sandbx: is not an environment of token.url; correct the name, or add token.url.sandbx',
    ],
  ])('explains %s: %j', (path, value, problem) => {
    expect(problemsOf(xeroWith(path, value))).toEqual([expect.stringContaining(problem)]);
  });

  it('names the file to rename if its name cannot be an id', () => {
    expect(() => parseProviderFile('Zoom Copy', JSON.stringify(XERO))).toThrow(
      'id: must be the name of the file, but "Zoom Copy" cannot be an id; rename the file to xero.yaml',
    );
    expect(() => parseProviderFile('acme', JSON.stringify(XERO))).toThrow(
      'id: must be acme, the name of the file; correct the id or rename the file',
    );
  });

  it('requires a source of token.url, or the reason in notes', () => {
    const file: any = structuredClone(XERO);
    file.unknown.push(...Object.keys(file.sources));
    file.sources = {};
    const problem =
      'token.url: has no source; add the page that states it to sources, or say in notes why token.url has none';
    expect(problemsOf(JSON.stringify(file))).toEqual([problem]);
    file.unknown = file.unknown.filter((name: string) => !/^token(\.url)?$/.test(name));
    expect(problemsOf(JSON.stringify(file)).filter((one) => one.startsWith('token.url'))).toEqual([
      'token.url: has no source; add one to sources, or add the field to unknown',
    ]);
    file.unknown.push('token');
    file.sources = { 'token.clientAuthentication': 'https://docs.example.com' };
    expect(problemsOf(JSON.stringify(file))).toEqual([problem]);
    file.notes = 'No page states token.url.';
    expect(problemsOf(JSON.stringify(file))).toEqual([]);
  });

  it.each<[string, string, string]>([
    [
      'sources',
      'token.urll',
      'sources: token.urll is not a field of the form; correct the name or remove it; the members of token are url, refreshUrl,',
    ],
    [
      'unknown',
      'authorization.pkc',
      'unknown: authorization.pkc is not a field of the form; correct the name or remove it; the members of authorization are url,',
    ],
    [
      'unknown',
      'revocation.nonsense',
      'unknown: revocation.nonsense is not a field of the form; correct the name or remove it; the members of revocation are url,',
    ],
    ['unknown', 'token.url.production.x', 'unknown: token.url.production.x is not a field of'],
    ['unknown', 'token.constructor', 'unknown: token.constructor is not a field of the form'],
    [
      'unknown',
      'tokn',
      'unknown: tokn is not a field with facts; correct the name or remove it; the',
    ],
    [
      'sources',
      'policy.sweepEvery',
      'sources: policy.sweepEvery is not a field with facts; correct',
    ],
  ])('finds in %s the name %s', (list, name, problem) => {
    const file: any = structuredClone(XERO);
    if (list === 'unknown') file.unknown.push(name);
    else file.sources[name] = 'https://docs.example.com';
    expect(problemsOf(JSON.stringify(file))).toEqual([expect.stringContaining(problem)]);
  });

  it.each(['token.refreshUrl', 'token.url.production', 'lives.refresh.idle', 'identity.subject'])(
    'accepts the name %s of a field',
    (name) => {
      const file: any = structuredClone(XERO);
      file.unknown.push(name);
      expect(problemsOf(JSON.stringify(file))).toEqual([]);
    },
  );

  it.each<[string, unknown, string]>([
    [
      'validation.headers',
      { authorization: 'Bearer {acessToken}' },
      'validation.headers.authorization: {acessToken} would be sent as it is written; use {accessToken}, {clientId}, {clientSecret}, {:clientSecret}',
    ],
    [
      'revocation.request',
      { parameters: { token: '{token}', other: '{tokn}' } },
      'revocation.request.parameters.other: {tokn} would be sent as it is written; use {token}, {clientId}, {clientSecret}',
    ],
    [
      'revocation.request',
      { parameters: { token: '{token}', basic: '{basic}' } },
      'revocation.request.parameters.basic: {basic} would be sent as it is written; use {token},',
    ],
    [
      'validation.body',
      { contentType: 'application/json', text: '{"token":"{accessToken}"}' },
      'validation.body.text: {accessToken} would be sent as it is written; present it in headers',
    ],
    [
      'api.url',
      'https://{shp}.example.com',
      'api.url: {shp} is neither an input nor a kept value; correct the name',
    ],
    [
      'token.parameters',
      { client: '{clientId}' },
      'token.parameters.client: {clientId} would be sent as it is written; no name is replaced here',
    ],
  ])('finds an unknown {name} in %s: %j', (path, value, problem) => {
    const problems = problemsOf(xeroWith(path, value));
    expect(problems).toContainEqual(expect.stringContaining(problem));
  });

  it('repeats no password of a URL', () => {
    const [problem] = problemsOf(xeroWith('token.url', 'https://user:pw-1@as.example/t'));
    expect(problem).not.toContain('pw-1');
    const [other] = problemsOf(xeroWith('docs', 'https://user:pw-1@as.example/t'));
    expect(other).toMatch(/^docs: /);
    expect(other).not.toContain('pw-1');
  });

  it('explains a file that is not YAML, and one that is empty', () => {
    expect(problemsOf('a: [')).toEqual([
      expect.stringMatching(/^the file: is not valid YAML; correct it: .* at line 1, column 5$/),
    ]);
    expect(problemsOf('')).toEqual(['the file: must be a map of members, not null']);
  });
});

describe('the examples', () => {
  async function contractProblems(path: string, value: unknown): Promise<string[]> {
    const file = parseProviderFile('xero', xeroWith(path, value));
    const found = await Promise.all(contractOf(file, fileAdapter(file)).map(({ run }) => run()));
    return found.flat();
  }

  it.each<[string, unknown, string]>([
    ['checked', '2931-01-01', 'checked: is in the future: 2931-01-01; state the day'],
    ['token.clientAuthentication', ['client_secret_post'], 'form.client_id: is missing, but'],
    ['examples.refresh.request.form.scope', 'x', 'form.scope: Evergrant does not send it; remove'],
    ['examples.refresh.request.url', 'https://x.example/', 'request.url: is "https://x.example/"'],
    [
      'examples.answers.0.body',
      { ok: false },
      'examples.answers.0.body: Evergrant reads it as a refusal',
    ],
    [
      'examples.answers.0.accessToken',
      'other',
      'examples.answers.0.accessToken: is "other", but Evergrant has "example-access-token',
    ],
    ['examples.answers.0.expiresIn', 60, 'examples.answers.0.expiresIn: is 60, but'],
    ['examples.answers.0.refreshExpiresIn', null, 'refreshExpiresIn: is null, but Evergrant has 5'],
    ['examples.answers.0.scopes', ['a'], 'examples.answers.0.scopes: is ["a"], but'],
    ['examples.answers.0.warnings', ['w'], 'examples.answers.0.warnings: is ["w"], but'],
    ['examples.refusals.0.means', 'too_early', 'examples.refusals.0.means: is "too_early", but'],
    ['examples.callbacks.0.accepted', false, 'examples.callbacks.0.accepted: is false, but'],
    ['examples.callbacks.0.subject', 'x', 'examples.callbacks.0.subject: is "x", but'],
  ])('find %s: %j', async (path, value, problem) => {
    const problems = await contractProblems(path, value);
    expect(problems).toContainEqual(expect.stringContaining(problem));
    for (const one of problems) expect(one).toMatch(/^[\w.]+: .+; .+/);
  });

  it('are sent with a key if private_key_jwt is the only client authentication', async () => {
    const file: any = structuredClone(XERO);
    file.token.clientAuthentication = ['private_key_jwt'];
    const { request } = file.examples.refresh;
    delete request.headers.authorization;
    request.form.client_id = 'client-id';
    request.form.client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const parsed = parseProviderFile('xero', JSON.stringify(file));
    const found = await Promise.all(
      contractOf(parsed, fileAdapter(parsed)).map(({ run }) => run()),
    );
    expect(found.flat()).toEqual([]);
  });

  it('have no problem in a file of the catalogue', async () => {
    expect(await contractProblems('name', 'Xero')).toEqual([]);
  });
});
