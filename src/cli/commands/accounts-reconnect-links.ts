/** `evergrant accounts reconnect-links`: prints a reconnect link for each account of a filter, as CSV or JSON Lines. */
import { Readable } from 'node:stream';
import { ACCOUNT_STATUSES } from '../../domain/account/account';
import {
  CSV_HEADER,
  csvRow,
  LINKS_MAX,
  type ReconnectLinkRow,
} from '../../domain/connect/reconnect-link';
import type { Command } from '../command';
import { CommandFailed } from '../errors';
import { createProgress } from '../progress';

const PATH = '/api/admin/connect/links';

type Line =
  | ReconnectLinkRow
  | { summary: { accounts: number; links: number; after: string | null } }
  | { error: { code: string; message: string } };

export const accountsReconnectLinks: Command = {
  words: ['accounts', 'reconnect-links'],
  summary: 'Make a link for each account that must reconnect, as CSV or JSON Lines',
  options: {
    format: {
      type: 'string',
      value: 'format',
      choices: ['csv', 'jsonl'],
      help: 'the same as --output (default: csv)',
    },
    status: {
      type: 'string',
      value: 'status',
      choices: ACCOUNT_STATUSES,
      help: 'only this status (default: needs_reconnect)',
    },
    provider: { type: 'string', value: 'name', help: 'only this provider' },
    environment: { type: 'string', value: 'name', help: 'only this environment' },
    kind: { type: 'string', value: 'name', help: 'only this kind' },
    search: {
      type: 'string',
      value: 'text',
      help: 'only accounts with this text in their label, external id or id',
    },
    'expires-in': {
      type: 'string',
      value: 'seconds',
      help: 'lifetime of the links: 600 to 604800 (default: 604800)',
    },
  },
  more: [
    'Each link is good for one consent, and is not shown again. Treat the list like a list of passwords.',
    'An account without a consent flow, or one that is disabled or in quarantine, has a problem in place of a link.',
    'Exit code 1: the list was cut off. Links that were printed stay valid.',
    '',
    'Example:',
    '  evergrant accounts reconnect-links --provider ebay > links.csv',
  ].join('\n'),
  async run({ api, out, options }) {
    const isJson = out.format === 'json' || out.format === 'jsonl';
    const format = options.text('format') ?? (isJson ? 'jsonl' : 'csv');
    const expiresIn = options.text('expires-in');
    const body = {
      status: options.text('status'),
      provider: options.text('provider'),
      environment: options.text('environment'),
      kind: options.text('kind'),
      q: options.text('search'),
      expires_in: expiresIn === undefined ? undefined : Number(expiresIn),
    };
    const made = { accounts: 0, links: 0 };
    const progress = createProgress(process.stderr);
    if (format === 'csv') out.line(CSV_HEADER);
    let after: string | null | undefined;
    for (;;) {
      let isLast: boolean | undefined;
      const text = JSON.stringify({ ...body, limit: LINKS_MAX, after });
      const lines = api.upload<Line>(PATH, {
        type: 'application/json',
        body: Readable.from([text]),
        name: 'the filter',
      });
      // oxlint-disable-next-line no-await-in-loop -- each list begins after the previous one
      for await (const line of lines) {
        if ('error' in line) throw new CommandFailed(line.error.message);
        if ('summary' in line) {
          isLast = line.summary.accounts < LINKS_MAX;
          ({ after } = line.summary);
        } else {
          made.accounts += 1;
          if (line.link !== null) made.links += 1;
          if (format === 'csv') out.line(csvRow(line));
          else out.jsonLine(line);
          progress.show(() => `${made.links} links`);
        }
      }
      if (isLast === undefined)
        throw new CommandFailed('The list was cut off. The printed links stay valid.');
      if (isLast) break;
    }
    progress.end(
      `${made.links} links for ${made.accounts} accounts.${made.links < made.accounts ? ' The others have a problem in place of a link.' : ''}`,
    );
    return 0;
  },
};
