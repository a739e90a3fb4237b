/**
 * A program that uses the package. package.integration.test.ts compiles and runs it outside of this repository. The line
 * below each `@ts-expect-error` must not compile, neither there nor with `npm run typecheck`.
 */
import { createClient, EvergrantError } from 'evergrant/client';

const { EVERGRANT_URL: url = '', EVERGRANT_API_KEY: apiKey = '' } = process.env;
const { api } = createClient({ url, apiKey });

async function main(externalId: string): Promise<void> {
  const created = await api.admin.accounts.$post({
    json: { provider: 'ebay', external_id: externalId, refresh_token: 'v^1.1#consumer' },
  });
  const { id } = await created.json();
  const listed = await api.admin.accounts.$get({ query: { q: externalId, limit: 10 } });
  const { items } = await listed.json();
  const paused = await api.admin.schedules[':schedule_id'].pause.$post({
    param: { schedule_id: 'sweep/ebay' },
    json: { note: 'by a consumer' },
  });
  const removed = await api.admin.accounts[':id'].$delete({ param: { id } });
  const mine = await api.tokens.$get({ query: { provider: 'ebay', limit: 10 } });
  const named = await api.tokens[':provider'][':external_id']
    .$get({
      param: { provider: 'ebay', external_id: externalId },
      query: { environment: 'sandbox' },
    })
    .catch((error: unknown) => error);
  const refusal = await api.admin.accounts[':id']
    .$get({ param: { id } })
    .catch((error: unknown) => error);
  const nothing = await sent(() => api.admin.accounts[':id'].$get({ param: { id: '' } }));
  const said = {
    listed: items.map((account) => account.external_id),
    status: items[0]?.status,
    paused: (await paused.json()).paused,
    removed: removed.status,
    tokens: (await mine.json()).items.map((account) => account.external_id),
    named: named instanceof EvergrantError ? named.code : String(named),
    refusal:
      refusal instanceof EvergrantError
        ? { status: refusal.status, code: refusal.code, hasRequestId: refusal.requestId !== null }
        : String(refusal),
    nothing,
  };
  process.stdout.write(JSON.stringify(said));
}

async function sent(request: () => Promise<unknown>): Promise<string> {
  try {
    await request();
    return 'sent';
  } catch (error) {
    return String(error);
  }
}

/** Never called. Contains the lines that must not compile. */
export async function wrong(): Promise<void> {
  // @ts-expect-error unknown path
  await api.admin.acounts.$get();
  // @ts-expect-error unknown method of a known path
  await api.admin.status.$post();
  // @ts-expect-error the account's id is missing
  await api.admin.accounts[':id'].$get();
  // @ts-expect-error the provider is missing
  await api.admin.accounts.$post({ json: { external_id: 'shop' } });
  // @ts-expect-error unknown member
  await api.admin.accounts.$post({ json: { provider: 'ebay', external_id: 'shop', name: 'x' } });
  // @ts-expect-error force is true or false
  await api.admin.accounts[':id'].refresh.$post({ param: { id: 'x' }, json: { force: 'yes' } });
  // @ts-expect-error unknown status
  await api.admin.accounts.$get({ query: { status: 'fine' } });
  // @ts-expect-error a limit is a number
  await api.admin.accounts.$get({ query: { limit: 'ten' } });
  const account = await (await api.admin.accounts[':id'].$get({ param: { id: 'x' } })).json();
  // @ts-expect-error no account has its token
  process.stdout.write(account.access_token);
}

void main(process.argv[2] ?? '');
