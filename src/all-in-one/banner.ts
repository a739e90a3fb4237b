/** The text that `npm start` prints to stderr when it is ready. */
import { duration } from '../domain/text/time-text';
import { type SweepSchedule, sweepScheduleId } from '../temporal/sweep-schedules';
import { ACCOUNTS_PATH } from '../ui/pages/accounts';

export interface BannerInput {
  apiUrl: string;
  /** `null`: the metrics port is off. */
  metricsUrl: string | null;
  temporalUi: string;
  temporalAddress: string;
  temporalCli: string | null;
  mongodb: string;
  dataDir: string;
  /** `null` unless in demo mode. */
  demo: {
    /** Accounts that this start added. */
    accounts: number;
    /** How many of them the admin key sees. */
    shown: number;
    sandboxUrl: string;
    /** The providers without demo accounts. */
    connectable: readonly { id: string; name: string }[];
  } | null;
  schedules: SweepSchedule[];
  /** A configured environment for the example. */
  example: { provider: string; environment: string };
  /** Set only when the key is created, because it is shown once. */
  newAdminKey: string | null;
  /** Whether `ADMIN_API_KEY` is set. */
  adminKeyFromEnvironment: boolean;
}

export function banner(input: BannerInput): string {
  const { apiUrl, demo } = input;
  const { provider, environment } = input.example;
  const key = input.newAdminKey ?? '$EVERGRANT_API_KEY';
  const rows: [string, string][] = [
    ['API', `${apiUrl}    (OpenAPI document: ${apiUrl}/openapi.json)`],
    ['Terminal', `${apiUrl}/    (open in a browser, sign in with the admin key)`],
    ['Metrics', input.metricsUrl === null ? 'off' : `${input.metricsUrl}/metrics`],
    ["Temporal's UI", input.temporalUi],
    [
      'Temporal',
      `${input.temporalAddress}${input.temporalCli === null ? '' : `    (try: TEMPORAL_ADDRESS=${input.temporalAddress} ${input.temporalCli} schedule list)`}`,
    ],
    ['MongoDB', input.mongodb],
    ['Data', input.dataDir],
    ['Sweeps', describeSchedules(input)],
    [
      'Admin key',
      input.newAdminKey === null
        ? input.adminKeyFromEnvironment
          ? 'as in ADMIN_API_KEY'
          : 'shown at the first start. Lost it? Start with a new one: ADMIN_API_KEY=$(openssl rand -hex 32 | tee /dev/stderr) npm start    (prints it first)'
        : `${input.newAdminKey}    (shown only once; save it)`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  return [
    '',
    ...(demo === null
      ? ['Evergrant is running.']
      : [
          `Evergrant is running in demo mode: no provider is configured, so it refreshes ${describeAccounts(demo)} at`,
          `a sandbox that simulates eBay, Etsy, Shopify and Google (${demo.sandboxUrl}).`,
          'No data leaves this machine.',
        ]),
    '',
    ...lines,
    '',
    'List the latest attempts:',
    `  curl -s -H "Authorization: Bearer ${key}" "${apiUrl}/api/admin/${provider}/tokens/terminal-logs?env=${environment}&limit=20"`,
    ...(demo === null
      ? []
      : [
          '',
          `To connect a demo account by a click, sign in and choose "Connect an account": ${apiUrl}${ACCOUNTS_PATH}`,
          `The sandbox also simulates ${demo.connectable.map(({ name }) => name).join(', ')}.`,
          'To connect a real account, set EBAY_CLIENT_ID and EBAY_CLIENT_SECRET of your eBay app in the environment, start',
          'again, and do the same (docs/connect.md).',
          'To see refreshes every minute: SANDBOX_ACCESS_TOKEN_LIFE=2m REFRESH_INTERVAL_MINUTES=1 npm start',
        ]),
    '',
  ].join('\n');
}

function describeAccounts({ accounts, shown }: NonNullable<BannerInput['demo']>): string {
  if (accounts === 0) return 'its demo accounts';
  const others = accounts - shown;
  return `${accounts} demo accounts${others === 0 ? '' : ` (${others} of another organisation, which the admin key does not see)`}`;
}

/** Only counts the schedules of providers without demo accounts, unless one is paused. */
function describeSchedules({ schedules, demo }: BannerInput): string {
  const connectable = new Set(demo?.connectable.map(({ id }) => sweepScheduleId(id)));
  const listed = schedules.filter(
    ({ scheduleId, paused }) => paused || !connectable.has(scheduleId),
  );
  const others = schedules.length - listed.length;
  const texts = listed.map(describeSchedule);
  if (others > 0) texts.push(`and ${others} of providers without demo accounts`);
  return texts.join(', ');
}

/** Describes the schedule stored in Temporal, because an operator may have changed it. */
function describeSchedule({ scheduleId, everyMs, paused, note }: SweepSchedule): string {
  const when = everyMs === null ? 'as set in Temporal' : `every ${duration(everyMs)}`;
  const noted = note === null || note === '' ? '' : `: ${note}`;
  return `${scheduleId} ${when}${paused ? ` (paused${noted})` : ''}`;
}
