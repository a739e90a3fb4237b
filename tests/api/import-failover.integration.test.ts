/** An import while a replica set changes its primary: a line counts as stored only if a majority has it. */
import { type Decide, refusal, refuseAll, unconfirmed } from '../support/mongodb-proxy';
import type { Api } from './_api';
import { type ProxiedApi, startProxiedApi } from './_proxied-api';

let running: ProxiedApi;
let proxy: ProxiedApi['proxy'];
let send: Api['send'];
beforeAll(async () => {
  running = await startProxiedApi();
  ({ proxy, send } = running);
});
afterEach(() => proxy.intervene(null));
afterAll(() => running?.stop());

const line = (id: string, token = id) =>
  JSON.stringify({
    provider: 'ebay',
    external_id: id,
    refresh_token: `v^1.1#import-${token}-0123456789`,
  });

async function imported(lines: readonly string[], query = '') {
  const answer = await send('POST', `/api/admin/accounts/import${query}`, {
    headers: { 'content-type': 'application/x-ndjson' },
    text: lines.join('\n'),
  });
  return answer.text
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
}
const onInsert =
  (decided: ReturnType<Decide>): Decide =>
  ({ name, collection }) =>
    name === 'insert' && collection === 'accounts' ? decided : null;
const resultsOf = (answers: readonly { result?: string }[]) => answers.map(({ result }) => result);

it.each([
  ['was made and not confirmed by a majority', { kind: 'amend', members: unconfirmed() } as const],
  ['was refused by a member that is no longer primary', refusal(10107, 'NotWritablePrimary')],
  ['was cut off', { kind: 'drop' } as const],
])(
  'F8 answers "uncertain" to each line whose insert %s, names them, and is safe to send again',
  async (what, intervention) => {
    const id = what.replaceAll(' ', '-');
    const file = [line(`${id}-1`), 'not json', line(`${id}-2`)];
    proxy.intervene(onInsert(intervention));
    const answers = await imported(file);
    expect(resultsOf(answers)).toEqual(['uncertain', 'refused', 'uncertain', undefined]);
    expect(answers.at(-1)).toEqual({
      error: {
        code: 'database_unavailable',
        message: expect.stringMatching(/lines 1 to 3.*Send the file again/),
      },
    });
    proxy.intervene(null);
    const again = await imported(file);
    const was = intervention.kind === 'amend' ? 'exists' : 'created';
    expect(resultsOf(again)).toEqual([was, 'refused', was, undefined]);
    expect(again.at(-1).summary).toMatchObject({ lines: 3, refused: 1 });
    const listed = (await send('GET', `/api/admin/accounts?q=${id}`)).body;
    expect(listed.items).toHaveLength(2);
  },
);

it('F8 answers "uncertain" if some accounts exist and a majority does not confirm the new ones', async () => {
  const known = line('mixed-known');
  await imported([known]);
  proxy.intervene(onInsert({ kind: 'amend', members: unconfirmed() }));
  const answers = await imported([known, line('mixed-new')]);
  expect(resultsOf(answers)).toEqual(['uncertain', 'uncertain', undefined]);
  proxy.intervene(null);
  expect(resultsOf(await imported([known, line('mixed-new')]))).toEqual([
    'exists',
    'exists',
    undefined,
  ]);
});

it('F8 keeps what is known of created lines if a later write of their batch fails', async () => {
  const held = line('held', 'first');
  await imported([held], '?quarantine=true');
  proxy.intervene(({ name, collection }) =>
    name === 'update' && collection === 'accounts'
      ? refusal(11602, 'InterruptedDueToReplStateChange')
      : null,
  );
  const file = [line('held', 'second'), line('held-new')];
  const answers = await imported(file, '?quarantine=true');
  expect(resultsOf(answers)).toEqual(['uncertain', 'created', undefined]);
  expect(answers.at(-1).error.message).toMatch(/line 1\./);
  proxy.intervene(null);
  expect(resultsOf(await imported(file, '?quarantine=true'))).toEqual([
    'updated',
    'exists',
    undefined,
  ]);
});

it('F8 says that MongoDB is unreachable if no line could be compared', async () => {
  proxy.intervene((command) =>
    command.collection === 'accounts' ? refuseAll(189, 'PrimarySteppedDown')(command) : null,
  );
  const answers = await imported([line('never')]);
  expect(answers).toEqual([
    { error: { code: 'database_unavailable', message: expect.stringMatching(/MongoDB.*again/) } },
  ]);
});
