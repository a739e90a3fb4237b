/** Streams a list of reconnect links, as CSV or JSON Lines, and audits how many links it made. */
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import { CSV_HEADER, csvRow, type ReconnectLinkRow } from '../domain/connect/reconnect-link';
import { ServiceError } from '../domain/service-error';
import { visible } from '../domain/text/visible-text';
import { makeReconnectLinks, type ReconnectLinksInput } from '../services/connect/reconnect-links';
import { describeError } from '../services/describe-error';
import type { ApiDependencies } from './dependencies';
import { publicOrigin } from './public-origin';

type LinksFormat = 'csv' | 'jsonl';

const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8', jsonl: 'application/x-ndjson' } as const;

const NO_LONGER_ALLOWED = new ServiceError(
  'unauthenticated',
  'The list was stopped: the key, JWT or session is no longer accepted, or lost its scope.',
);

interface LinkListOptions {
  principal: { organisation: string; keyId: string };
  input: ReconnectLinksInput;
  format: LinksFormat;
  /** The action in the audit. */
  action: string;
  /** Called before each further page of links. */
  isAllowed: () => Promise<boolean>;
}

/** @throws {ServiceError} before the response begins, if the input is not valid or the first page cannot be made */
export async function streamReconnectLinks(
  c: Context,
  deps: ApiDependencies,
  { principal, input, format, action, isAllowed }: LinkListOptions,
): Promise<Response> {
  const { organisation, keyId } = principal;
  const made = { accounts: 0, links: 0, without_link: 0, after: null as string | null };
  const pages = makeReconnectLinks(
    deps,
    { organisation, createdBy: keyId, origin: publicOrigin(c, deps.publicUrl) },
    input,
  );
  const first = await pages.next();
  const count = (rows: readonly ReconnectLinkRow[]) => {
    made.accounts += rows.length;
    made.links += rows.filter(({ link }) => link !== null).length;
    made.without_link = made.accounts - made.links;
    made.after = rows.at(-1)?.account_id ?? made.after;
  };
  c.header('Content-Type', MEDIA_TYPES[format]);
  return stream(c, async (out) => {
    const end = format === 'csv' ? '\r\n' : '\n';
    const line = (text: string) => out.write(`${visible(text)}${end}`);
    const write = (row: ReconnectLinkRow) =>
      line(format === 'csv' ? csvRow(row) : JSON.stringify(row));
    try {
      if (format === 'csv') await line(CSV_HEADER);
      for (let page = first; !page.done; page = await pages.next()) {
        count(page.value);
        for (const row of page.value) await write(row);
        if (out.aborted) return;
        if (!(await isAllowed())) throw NO_LONGER_ALLOWED;
      }
      if (format === 'jsonl') await line(JSON.stringify({ summary: made }));
    } catch (error) {
      const { code, message } = describeError(error);
      if (code === 'internal_error') deps.logger.error({ err: error }, 'a list of links failed');
      const text = `The list was cut off. ${message}`;
      await line(
        format === 'csv'
          ? csvRow({ ...NO_ROW, problem: text })
          : JSON.stringify({ error: { code, message: text } }),
      );
    } finally {
      await audit(deps, { organisation, keyId, action }, made);
    }
  });
}

const NO_ROW: ReconnectLinkRow = {
  label: '',
  external_id: '',
  reason: null,
  link: null,
  expires_at: null,
  problem: null,
  account_id: '',
  provider: '',
  environment: '',
};

/** The entry before the list has the filter. This one has the numbers, which are known only at the end. */
async function audit(
  { audit: log, logger }: Pick<ApiDependencies, 'audit' | 'logger'>,
  { organisation, keyId, action }: { organisation: string; keyId: string; action: string },
  { accounts, links }: { accounts: number; links: number },
): Promise<void> {
  const details = { phase: 'completed', accounts, links };
  logger.info({ organisation, key_id: keyId, accounts, links }, 'reconnect links were made');
  try {
    await log.append({ organisation, actor: keyId, action, details });
  } catch (error) {
    logger.error(
      { err: error, organisation },
      'the number of reconnect links could not be audited',
    );
  }
}
