/** Links with which the owners of many accounts reconnect them: one link per account of a filter, page by page. */
import { z } from '@hono/zod-openapi';
import {
  ACCOUNT_STATUSES,
  type Account,
  accountStatus,
  statusReason,
} from '../../domain/account/account';
import { LINK_LIFE_MS } from '../../domain/connect/connect-session';
import { LINKS_MAX, type ReconnectLinkRow } from '../../domain/connect/reconnect-link';
import {
  type AccountPageFilter,
  accountFilter,
  SEARCH_MAX_CHARACTERS,
} from '../accounts/account-page';
import {
  type CreateSessionDependencies,
  createReconnectSessions,
  type ReconnectLink,
  ReconnectSessionBody,
} from './create-session';

/** Links that one write stores. */
const BATCH = 250;
/** A link of a list reaches its owner by mail, so it lasts as long as a link may. */
const DEFAULT_LIFE_SECONDS = LINK_LIFE_MS.max / 1000;

export const ReconnectLinksBody = z
  .strictObject({
    status: z.enum(ACCOUNT_STATUSES).default('needs_reconnect').openapi({
      description: 'Only accounts with this status now. Default: needs_reconnect.',
    }),
    provider: z.string().max(64).optional().openapi({
      description: 'Only this provider',
      example: 'ebay',
    }),
    environment: z.string().max(64).optional().openapi({ description: 'Only this environment' }),
    kind: z.string().max(64).optional().openapi({ description: 'Only this kind' }),
    q: z.string().max(SEARCH_MAX_CHARACTERS).optional().openapi({
      description: 'Text that the label, the external id or the id contains, ignoring case',
    }),
    limit: z.int().min(1).max(LINKS_MAX).default(LINKS_MAX).openapi({
      description: 'The maximum number of accounts',
    }),
    after: z.string().max(64).optional().openapi({
      description: 'The account_id of the last row of the previous call',
    }),
    expires_in: ReconnectSessionBody.shape.expires_in.default(DEFAULT_LIFE_SECONDS).openapi({
      description: 'Lifetime of the links in seconds: 600 to 604800. Default: 604800.',
    }),
    return_url: ReconnectSessionBody.shape.return_url,
  })
  .openapi('NewReconnectLinks', { example: { provider: 'ebay' } });

type Body = z.infer<typeof ReconnectLinksBody>;

export interface ReconnectLinksInput
  extends Omit<Body, 'status' | 'provider' | 'environment' | 'kind' | 'q'> {
  filter: Omit<AccountPageFilter, 'organisation'>;
}

/** The accounts of a request's body, and the rules of its links. */
export function linksInputOf({
  status,
  provider,
  environment,
  kind,
  q,
  ...input
}: Body): ReconnectLinksInput {
  return { ...input, filter: { status, provider, environment, kind, q } };
}

/** A row of the list: an account with its link, or with the problem because of which it has none. */
export const ReconnectLinkBody = z
  .object({
    label: z.string(),
    external_id: z.string(),
    reason: z.string().nullable().openapi({ description: 'Why the account has its status' }),
    link: z.string().nullable().openapi({
      description:
        'The link for the owner of the account. Only this response contains it. It is good for one consent.',
    }),
    expires_at: z.iso.datetime().nullable(),
    problem: z.string().nullable().openapi({ description: 'Why the account has no link' }),
    account_id: z.string(),
    provider: z.string(),
    environment: z.string(),
  })
  .openapi('ReconnectLink', {
    example: {
      label: 'Harbour Books',
      external_id: 'harbour-books',
      reason: 'The provider no longer accepts the refresh token.',
      link: 'https://evergrant.example.com/connect/…',
      expires_at: '2026-12-07T12:00:00.000Z',
      problem: null,
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      provider: 'ebay',
      environment: 'production',
    },
  });

/** How many accounts the filter matches now; `max` stands for that many or more. */
export function countAccounts(
  { store, now }: Pick<CreateSessionDependencies, 'store' | 'now'>,
  organisation: string,
  input: Pick<ReconnectLinksInput, 'filter'>,
  max: number,
): Promise<number> {
  return store.accounts.count(accountFilter({ ...input.filter, organisation }, now()), max);
}

/**
 * Makes the links page by page, in the order of the account ids, so that no page holds more than {@link BATCH} links in
 * memory.
 * @param origin the address at which browsers reach Evergrant
 * @throws {ServiceError} before the first page if the input is not valid
 */
export async function* makeReconnectLinks(
  deps: CreateSessionDependencies,
  { organisation, createdBy, origin }: { organisation: string; createdBy: string; origin: string },
  input: ReconnectLinksInput,
): AsyncGenerator<ReconnectLinkRow[], void> {
  const { filter, after, limit, expires_in, return_url } = input;
  let afterId = after;
  for (let left = limit; left > 0; left -= BATCH) {
    const at = deps.now();
    const wanted = Math.min(left, BATCH);
    // oxlint-disable-next-line no-await-in-loop -- each page begins after the previous one
    const accounts = await deps.store.accounts.list({
      ...accountFilter({ ...filter, organisation }, at),
      after: afterId === undefined ? undefined : { value: null, id: afterId },
      limit: wanted,
    });
    // oxlint-disable-next-line no-await-in-loop
    const links = await createReconnectSessions(deps, { organisation, createdBy }, accounts, {
      expires_in,
      return_url,
    });
    yield links.map((link) => rowOf(link, origin, at));
    if (accounts.length < wanted) return;
    afterId = accounts.at(-1)?.id;
  }
}

function rowOf(link: ReconnectLink, origin: string, at: Date): ReconnectLinkRow {
  const { account } = link;
  const made = 'created' in link ? link.created : null;
  return {
    label: account.label,
    external_id: account.externalId,
    reason: reasonOf(account, at),
    link: made === null ? null : new URL(`/connect/${made.token}`, origin).href,
    expires_at: made?.session.expiresAt.toISOString() ?? null,
    problem: 'problem' in link ? link.problem : null,
    account_id: account.id,
    provider: account.provider,
    environment: account.environment,
  };
}

function reasonOf(account: Account, at: Date): string | null {
  return statusReason(account, at) ?? accountStatus(account, at);
}
