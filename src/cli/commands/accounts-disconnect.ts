/** `evergrant accounts disconnect`: revokes an account's tokens at its provider, then deletes them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from '../command';
import { confirm } from '../confirm';
import type { Cell } from '../output';
import { time } from '../output';
import { createProgress } from '../progress';

/** Interval, in ms, of the check whether the revocations have finished. */
const POLL_EVERY_MS = 1_000;
/** How long, in ms, the command waits. The workflow continues for up to a day. */
const WAIT_MS = 60_000;

export const accountsDisconnect: Command = {
  words: ['accounts', 'disconnect'],
  positionals: ['id'],
  summary: 'Disconnect an account: revoke its tokens at the provider, then delete them',
  options: {
    yes: { type: 'boolean', short: 'y', help: 'disconnect without asking for confirmation' },
    'no-wait': { type: 'boolean', help: 'exit once the disconnection has begun' },
  },
  more: [
    'The account is not refreshed any more, and its token is not served. A failed revocation is retried for a day, then the',
    'tokens are deleted. The account keeps its history, and "evergrant accounts reconnect" brings it back.',
    'Exit code 1: a token is not revoked, or not yet.',
  ].join('\n'),
  async run({ api, out, options, positionals: [id = ''] }) {
    const get = () =>
      api.ask(({ admin }) => admin.accounts[':id'].disconnect.$get({ param: { id } }));
    const before = await get();
    out.remark(before.revocation.effect);
    const question = `Disconnect ${id}? Evergrant stops refreshing the account, revokes its tokens, and deletes them.`;
    if (!options.isSet('yes') && before.status === 'connected' && !(await confirm(question))) {
      out.remark('The account was not disconnected.');
      return 1;
    }
    let now = await api.ask(({ admin }) =>
      admin.accounts[':id'].disconnect.$post({ param: { id } }),
    );
    const progress = createProgress(process.stderr);
    const until = Date.now() + WAIT_MS;
    while (now.status === 'revoking' && !options.isSet('no-wait') && Date.now() < until) {
      progress.show(() => 'Revoking the tokens at the provider');
      // oxlint-disable-next-line no-await-in-loop -- it waits for the workflow
      await delay(POLL_EVERY_MS);
      // oxlint-disable-next-line no-await-in-loop
      now = await get();
    }
    progress.end(
      now.status === 'revoking'
        ? 'The revocation continues for up to a day'
        : 'The account is disconnected, and its tokens are deleted',
    );
    out.one(now, [
      ['account', now.account_id],
      ['status', now.status],
      ...now.tokens.map(({ grant, kind, result }): [string, Cell] => [
        grant === 'current' ? kind.replace('_', ' ') : `${kind.replace('_', ' ')} (${grant})`,
        result ?? 'not decided yet',
      ]),
      ['next attempt', time(now.next_attempt_at)],
    ]);
    const isRevoked = now.tokens.every(({ result }) => result === 'revoked');
    return now.status === 'disconnected' && isRevoked ? 0 : 1;
  },
};
