/** `evergrant accounts release`: releases accounts from quarantine. */
import type { ApiClient } from '../api-client';
import type { Command, Context } from '../command';
import { confirm } from '../confirm';
import { UsageError } from '../errors';
import { createProgress, grouped } from '../progress';

/** Accounts released per request. A small number keeps an interrupted command close to its reported count. */
const BATCH = 500;

export const accountsRelease: Command = {
  words: ['accounts', 'release'],
  rest: 'id',
  summary: 'Release accounts from quarantine, so that Evergrant refreshes them',
  options: {
    provider: {
      type: 'string',
      value: 'name',
      help: 'provider whose accounts to release; requires --all',
    },
    all: { type: 'boolean', help: 'release all accounts of the provider that are in quarantine' },
    yes: { type: 'boolean', short: 'y', help: 'release without asking for confirmation' },
  },
  more: 'Stop the other system first: if two systems refresh the same grant, it can be lost.',
  async run(context) {
    const { out, options, positionals: ids } = context;
    const provider = options.text('provider');
    const all = options.isSet('all');
    if (all === ids.length > 0 || all !== (provider !== undefined))
      throw new UsageError('use either account ids, or --provider with --all');
    const released =
      provider === undefined ? await releaseNamed(context) : await releaseAll(context, provider);
    if (released === null) {
      out.remark('No accounts were released.');
      return 1;
    }
    out.done({ released }, `Released: ${grouped(released)}`);
    return 0;
  },
};

async function releaseNamed({ api, positionals: ids }: Context): Promise<number> {
  let released = 0;
  for (let at = 0; at < ids.length; at += BATCH)
    released += await release(api, ids.slice(at, at + BATCH));
  return released;
}

/** @returns `null` if the user answered no */
async function releaseAll(
  { api, options }: Pick<Context, 'api' | 'options'>,
  provider: string,
): Promise<number | null> {
  const status = await api.ask(({ admin }) => admin.status.$get());
  const held = status.accounts
    .filter((group) => group.provider === provider)
    .reduce((sum, { quarantined }) => sum + quarantined, 0);
  if (held === 0) return 0;
  const question = `Release ${grouped(held)} ${provider} accounts from quarantine? Evergrant will refresh them, and no other system may do so.`;
  if (!options.isSet('yes') && !(await confirm(question))) return null;
  const progress = createProgress(process.stderr);
  let released = 0;
  let cursor: string | undefined;
  do {
    const query = { provider, quarantine: 'true' as const, limit: BATCH, cursor };
    const page = await api.ask(({ admin }) => admin.accounts.$get({ query }));
    if (page.items.length > 0)
      released += await release(
        api,
        page.items.map(({ id }) => id),
      );
    cursor = page.next_cursor ?? undefined;
    progress.show(() => `${grouped(released)} of ${grouped(held)} released`);
  } while (cursor !== undefined);
  progress.end(`${grouped(released)} of ${grouped(held)} released`);
  return released;
}

async function release(api: ApiClient, ids: string[]): Promise<number> {
  const json = { account_ids: ids };
  return (await api.ask(({ admin }) => admin.accounts.release.$post({ json }))).released;
}
