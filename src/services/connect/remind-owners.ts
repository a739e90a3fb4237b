/**
 * Sends reminders to the owners of accounts that need a reconnect: one message per address with a link for each account.
 * The links exist in the message and, for a moment, in this process only.
 */
import type { Logger } from 'pino';
import type { Account } from '../../domain/account/account';
import { LINK_LIFE_MS } from '../../domain/connect/connect-session';
import { isReminderDue } from '../../domain/connect/reminder';
import { reminderMail } from '../../domain/connect/reminder-mail';
import { isSuspected } from '../../domain/limits/app-limiter';
import type { MailClient } from '../../outbound/mail';
import { type CreateSessionDependencies, createReconnectSessions } from './create-session';
import { unsubscribeUrl } from './unsubscribe';

export interface RemindDependencies extends CreateSessionDependencies {
  mail: MailClient;
  publicUrl: URL;
  logger: Logger;
}

/** Accounts per read. */
const PAGE = 500;

/** The creator of the links, as the list of connect sessions shows it. */
const CREATED_BY = 'reminder';

/** Goes through the accounts of all organisations once. */
export async function remindOwners(
  deps: RemindDependencies,
  signal: AbortSignal,
): Promise<{ sent: number }> {
  let sent = 0;
  for (let after = ''; ; ) {
    // oxlint-disable-next-line no-await-in-loop -- each page begins after the previous one
    const accounts = await deps.store.reminders.page({ after, limit: PAGE, now: deps.now() });
    const due = accounts.filter((account) => isReminderDue(account, deps.now()));
    for (const digest of new Set(due.map(({ ownerEmail }) => ownerEmail?.digest ?? ''))) {
      if (signal.aborted) return { sent };
      // oxlint-disable-next-line no-await-in-loop -- one connection to the mail server at a time
      if (await remindOwner(deps, digest)) sent += 1;
    }
    after = accounts.at(-1)?.ownerEmail?.digest ?? after;
    if (accounts.length < PAGE) return { sent };
  }
}

async function remindOwner(deps: RemindDependencies, digest: string): Promise<boolean> {
  const { store, vault, mail, logger, now, publicUrl } = deps;
  const { reminders } = store;
  // Read again: an account of this owner may be on the next page, or may have recovered in the meantime.
  const broken = await withoutIncidents(deps, await reminders.ofOwner(digest));
  const [first] = broken;
  const at = now();
  const due = broken.filter((account) => isReminderDue(account, at));
  if (first === undefined || due.length === 0) return false;
  const { organisation } = first;
  // Before the claim: if MongoDB fails here, the address stays available.
  const settings = await deps.connectSettings.of(organisation);
  if (!(await reminders.claimAddress(digest, organisation, at))) return false;
  const by = { organisation, createdBy: CREATED_BY };
  const made = await createReconnectSessions(deps, by, broken, {
    expires_in: LINK_LIFE_MS.max / 1000,
  });
  const links = made.flatMap((link) => ('created' in link ? [link] : []));
  const context = { organisation, account_ids: links.map(({ account }) => account.id) };
  if (first.ownerEmail === null || links.length === 0) {
    // No link can reconnect these accounts, so that a later message could not help either.
    await reminders.record(due);
    return false;
  }
  const unsubscribe = unsubscribeUrl(vault, digest, publicUrl);
  const place = { organisation, accountId: first.id };
  const { outcome, status } = await mail.send({
    to: vault.openOwnerEmail(first.ownerEmail.sealed, place),
    ...reminderMail(
      {
        organisation: settings.organisationName ?? organisation,
        logo: settings.logo,
        accounts: links.map(({ account, created: { token } }) => ({
          label: account.label,
          provider: account.provider,
          link: new URL(`/connect/${token}`, publicUrl.origin).href,
        })),
        expiresAt: new Date(at.getTime() + LINK_LIFE_MS.max),
        unsubscribeUrl: unsubscribe,
      },
      settings.language,
    ),
    headers: {
      'List-Unsubscribe': `<${unsubscribe}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      'Auto-Submitted': 'auto-generated',
    },
  });
  switch (outcome) {
    case 'sent':
      await reminders.record(due);
      logger.info(context, 'a reminder was sent');
      return true;
    case 'refused':
      await reminders.record(due);
      logger.warn({ ...context, status }, 'the mail server refused a reminder for good');
      return false;
    case 'unknown':
      logger.warn(
        context,
        'it is unknown whether a reminder was sent; the next one follows in a day',
      );
      return false;
    case 'not_sent':
      // oxlint-disable-next-line no-await-in-loop -- a few links of one message
      for (const { created } of links)
        await store.connectSessions.revoke(organisation, created.session.id, now());
      await reminders.releaseAddress(digest, at);
      logger.warn({ ...context, status }, 'a reminder was not sent; another attempt follows');
      return false;
  }
}

/** Accounts whose OAuth app works. During an incident, a new consent could not help. */
async function withoutIncidents(
  { store }: Pick<RemindDependencies, 'store'>,
  accounts: readonly Account[],
): Promise<Account[]> {
  const limiters = await store.limiters.list();
  const failing = new Set(
    limiters
      .filter((limiter) => limiter.state !== 'closed' || isSuspected(limiter))
      .map(({ provider, environment }) => JSON.stringify([provider, environment])),
  );
  return accounts.filter(
    ({ provider, environment }) => !failing.has(JSON.stringify([provider, environment])),
  );
}
