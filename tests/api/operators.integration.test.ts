/** Query operators of MongoDB instead of values, in all members of all routes, as the document lists them. */
import { registerSearchAttributes } from '../../src/temporal/register-search-attributes';
import { type Answer, type Api, startApi } from './_api';
import { type OpenApiDocument, operationsOf, resolve, type Schema } from './_contract';

let api: Api;
let document: OpenApiDocument;
let account: { id: string; label: string; generation: number };
beforeAll(async () => {
  api = await startApi({ worker: false });
  // Normally a worker registers them. Temporal's filters need them.
  await registerSearchAttributes(api.client.connection, api.harness.namespace);
  document = (await api.send('GET', '/openapi.json', { key: null })).body;
  account = await api.addAccount({ expiresInMs: 3_600_000 });
});
afterAll(() => api.stop());

const OPERATORS = [{ $ne: null }, { $gt: '' }, { $where: 'true' }, { $regex: '.*' }];

const filled = (path: string) =>
  path
    .replace('{schedule_id}', encodeURIComponent('sweep/ebay'))
    .replace('{workflow_id}', encodeURIComponent(`refresh-account/${account.id}`))
    .replace('{provider}', 'ebay')
    .replace(/\{(account_)?id\}/, account.id);

function stringMembers(given: Schema): string[] {
  const schema = resolve(document, given);
  const own = Object.entries(schema.properties ?? {})
    .filter(([, member]) => isText(member))
    .map(([name]) => name);
  return [...own, ...[...(schema.allOf ?? []), ...(schema.anyOf ?? [])].flatMap(stringMembers)];
}

function isText(given: Schema): boolean {
  const schema = resolve(document, given);
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [schema.type].flat().includes('string') || alternatives.some(isText);
}

async function expectUntouched(): Promise<void> {
  expect(await api.harness.account(account.id)).toMatchObject({
    label: account.label,
    generation: account.generation,
    claim: null,
  });
}

it('query operators in any string of any body are refused, and match nothing', async () => {
  const bodies = operationsOf(document).flatMap(({ name, method, path, operation }) => {
    const schema = operation.requestBody?.content?.['application/json']?.schema;
    return schema === undefined ? [] : [{ name, method, path, members: stringMembers(schema) }];
  });
  let tried = 0;
  for (const { name, method, path, members } of bodies) {
    for (const member of members) {
      for (const operator of OPERATORS) {
        const answer = await api.send(method, filled(path), { body: { [member]: operator } });
        expect({ name, member, operator, status: answer.status }).toEqual({
          name,
          member,
          operator,
          status: 400,
        });
        tried += 1;
      }
    }
  }
  expect(tried).toBeGreaterThan(80);
  await expectUntouched();
});

it('query operators in a line of an import are refused', async () => {
  const line = { provider: 'ebay', external_id: { $ne: null }, refresh_token: 'x' };
  const answer = await api.harness.app.request('/api/admin/accounts/import', {
    method: 'POST',
    headers: { authorization: `Bearer ${api.admin}`, 'content-type': 'application/x-ndjson' },
    body: JSON.stringify(line),
  });
  const text = await answer.text();
  expect(text).toContain('"result":"refused"');
  expect(text).toContain('"created":0');
});

it('query operators in any parameter are refused or ignored, and never return more', async () => {
  const reads = operationsOf(document).filter(
    ({ method, path }) => method === 'GET' && path.startsWith('/api') && !path.endsWith('/stream'),
  );
  const items = ({ body }: Answer): unknown[] => body?.items ?? [];
  let tried = 0;
  for (const { name, path, operation } of reads) {
    for (const parameter of (operation.parameters ?? []).filter((one) => one.in === 'query')) {
      for (const [query, statuses] of [
        [`${parameter.name}[$ne]=x`, [400]],
        [`${parameter.name}[$where]=true`, [400]],
        [`${parameter.name}=${encodeURIComponent('{"$ne":null}')}`, [200, 400, 404]],
      ] as const) {
        const answer = await api.get(`${filled(path)}?${query}`);
        const { status } = answer;
        const got = { name, query, allowed: statuses.some((one) => one === status), status };
        expect({ ...got, items: items(answer) }).toEqual({ ...got, allowed: true, items: [] });
        tried += 1;
      }
    }
  }
  expect(tried).toBeGreaterThan(60);
});

it('query operators in an id of a path match nothing', async () => {
  for (const id of ['{"$ne":null}', '[$ne]', '$where', '*', '.*', '..%2f..', '%00']) {
    const path = id.includes('%') ? id : encodeURIComponent(id);
    for (const [method, place] of [
      ['GET', `/api/admin/accounts/${path}`],
      ['DELETE', `/api/admin/accounts/${path}`],
      ['GET', `/api/tokens/${path}`],
      ['DELETE', `/api/admin/keys/${path}`],
      ['DELETE', `/api/admin/sessions/${path}`],
    ] as const) {
      const { status } = await api.send(method, place);
      expect({ method, place, status }).toEqual({ method, place, status: 404 });
    }
  }
  await expectUntouched();
});
