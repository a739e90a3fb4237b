/** What `npm start` says to the person at the terminal once it runs. Goes to stderr: it is no log line. */

import type { SweepSchedule } from './schedule';

export interface BannerInput {
  apiUrl: string;
  temporalUiUrl: string | null;
  temporalAddress: string;
  temporalCli: string | null;
  mongodb: string;
  dataDir: string;
  /** `null`: real providers are configured. */
  trial: { accounts: number; sandboxUrl: string } | null;
  schedules: SweepSchedule[];
  /** Shown once, when it is created. */
  newAdminKey: string | null;
}

export function banner(input: BannerInput): string {
  const { apiUrl, trial } = input;
  const key = input.newAdminKey ?? '$EVERGRANT_API_KEY';
  const rows: [string, string][] = [
    ['API', `${apiUrl}    (description: ${apiUrl}/openapi.json)`],
    ['Terminal', `${apiUrl}/    (in a browser, with the admin key)`],
    ["Temporal's UI", input.temporalUiUrl ?? `yours, at ${input.temporalAddress}`],
    [
      'Temporal',
      `${input.temporalAddress}${input.temporalCli === null ? '' : `    (command: ${input.temporalCli})`}`,
    ],
    ['MongoDB', input.mongodb],
    ['Data', input.dataDir],
    ['Sweeps', input.schedules.map(describeSchedule).join(', ')],
    [
      'Admin key',
      input.newAdminKey === null
        ? 'as at the first start, or ADMIN_API_KEY'
        : `${input.newAdminKey}    (shown this once; keep it)`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  return [
    '',
    trial === null
      ? `Evergrant is running.`
      : `Evergrant is running on trial: no provider is configured, so it keeps ${trial.accounts} demo accounts alive at a`,
    ...(trial === null
      ? []
      : [
          `sandbox of its own that speaks as eBay, Etsy, Shopify and Google do (${trial.sandboxUrl}).`,
          'Nothing leaves this machine.',
        ]),
    '',
    ...lines,
    '',
    'See every attempt, newest first:',
    `  curl -s -H "Authorization: Bearer ${key}" "${apiUrl}/api/admin/ebay/tokens/terminal-logs?env=production&limit=20"`,
    ...(trial === null
      ? []
      : [
          '',
          'To connect a real account: put EBAY_CLIENT_ID and EBAY_CLIENT_SECRET of your eBay app into the environment, start',
          'again, and POST its refresh token to /api/admin/accounts (README, "Connect an eBay account").',
          'To see something every minute: SANDBOX_ACCESS_TOKEN_LIFE=2m REFRESH_INTERVAL_MINUTES=1 npm start',
        ]),
    '',
  ].join('\n');
}

/** What Temporal holds, not what is configured: an operator may have changed it. */
function describeSchedule({ scheduleId, everyMs, paused, note }: SweepSchedule): string {
  const when = everyMs === null ? 'as set in Temporal' : `every ${everyMs / 60_000} min`;
  const noted = note === null || note === '' ? '' : `: ${note}`;
  return `${scheduleId} ${when}${paused ? ` (paused${noted})` : ''}`;
}
