/** The text that `npm start` prints once it runs. Written to stderr, because it is not a log line. */
import { duration } from '../domain/text/time-text';
import type { SweepSchedule } from '../temporal/sweep-schedules';

export interface BannerInput {
  apiUrl: string;
  temporalUi: string;
  temporalAddress: string;
  temporalCli: string | null;
  mongodb: string;
  dataDir: string;
  /** Set in demo mode. `null`: real providers are configured. */
  demo: { accounts: number; sandboxUrl: string } | null;
  schedules: SweepSchedule[];
  /** A configured environment for the example. */
  example: { provider: string; environment: string };
  /** Set only when the key is created, because it is shown once. */
  newAdminKey: string | null;
}

export function banner(input: BannerInput): string {
  const { apiUrl, demo } = input;
  const { provider, environment } = input.example;
  const key = input.newAdminKey ?? '$EVERGRANT_API_KEY';
  const rows: [string, string][] = [
    ['API', `${apiUrl}    (description: ${apiUrl}/openapi.json)`],
    ['Terminal', `${apiUrl}/    (in a browser, with the admin key)`],
    ["Temporal's UI", input.temporalUi],
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
    demo === null
      ? `Evergrant is running.`
      : `Evergrant is running on demo: no provider is configured, so it keeps ${demo.accounts} demo accounts alive at a`,
    ...(demo === null
      ? []
      : [
          `sandbox of its own that speaks as eBay, Etsy, Shopify and Google do (${demo.sandboxUrl}).`,
          'Nothing leaves this machine.',
        ]),
    '',
    ...lines,
    '',
    'See every attempt, newest first:',
    `  curl -s -H "Authorization: Bearer ${key}" "${apiUrl}/api/admin/${provider}/tokens/terminal-logs?env=${environment}&limit=20"`,
    ...(demo === null
      ? []
      : [
          '',
          'To connect a real account: put EBAY_CLIENT_ID and EBAY_CLIENT_SECRET of your eBay app into the environment, start',
          'again, and POST its refresh token to /api/admin/accounts (README, "Connect a real account").',
          'To see something every minute: SANDBOX_ACCESS_TOKEN_LIFE=2m REFRESH_INTERVAL_MINUTES=1 npm start',
        ]),
    '',
  ].join('\n');
}

/** Describes the schedule stored in Temporal, because an operator may have changed it. */
function describeSchedule({ scheduleId, everyMs, paused, note }: SweepSchedule): string {
  const when = everyMs === null ? 'as set in Temporal' : `every ${duration(everyMs)}`;
  const noted = note === null || note === '' ? '' : `: ${note}`;
  return `${scheduleId} ${when}${paused ? ` (paused${noted})` : ''}`;
}
