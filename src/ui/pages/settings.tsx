/** The settings of the installation: versions, engines, providers with their policy, and where each setting comes from. */
import { asConfigured } from '../../domain/text/time-text';
import type { Setting } from '../../process/settings';
import type { Provider, ProviderEnvironment } from '../../providers/provider';
import { words } from '../parts/account-badges';
import { Badge, type Tone } from '../parts/badge';
import { Copyable } from '../parts/copy';
import { providerPath } from './providers';

interface Engine {
  name: string;
  /** `null`: it does not answer. */
  version: string | null;
}

export interface SettingsView {
  version: string;
  engines: readonly Engine[];
  /** `null`: Temporal does not answer. */
  workers: number | null;
  providers: readonly Provider[];
  unconfigured: readonly { id: string; missing: string[] }[];
  settings: readonly Setting[];
}

export function SettingsPage({ view }: { view: SettingsView }) {
  return (
    <>
      <section class="card" aria-labelledby="versions-title">
        <h2 id="versions-title">Versions and engines</h2>
        <dl class="facts">
          <dt>Evergrant</dt>
          <dd>{view.version}</dd>
          <dt>Node.js</dt>
          <dd>{process.version}</dd>
          {view.engines.map(({ name, version }) => (
            <>
              <dt>{name}</dt>
              <dd>
                {version === null ? (
                  <Badge tone="bad">Unreachable</Badge>
                ) : (
                  <>
                    {version} <Badge tone="good">Reachable</Badge>
                  </>
                )}
              </dd>
            </>
          ))}
          <dt>Workers</dt>
          <dd>
            {view.workers === null ? (
              <span class="muted">unknown</span>
            ) : view.workers === 0 ? (
              <Badge tone="bad">None</Badge>
            ) : (
              view.workers
            )}
          </dd>
        </dl>
      </section>
      <Providers view={view} />
      <Settings settings={view.settings} />
    </>
  );
}

function Providers({ view: { providers, unconfigured } }: { view: SettingsView }) {
  return (
    <section aria-labelledby="providers-title">
      <h2 id="providers-title">Providers of providers.yaml</h2>
      {providers.length === 0 && <p class="empty">No provider is configured.</p>}
      <div class="columns">
        {providers.map((provider) => (
          <section
            class="card settings-provider"
            id={`provider-${provider.id}`}
            aria-label={provider.id}
          >
            <h3>
              {provider.id}{' '}
              <span class="muted">
                (
                {provider.adapter.file === undefined ? (
                  provider.adapter.displayName
                ) : (
                  <a href={providerPath(provider.adapter.id)}>{provider.adapter.displayName}</a>
                )}
                )
              </span>
            </h3>
            <dl class="facts">
              {policyOf(provider).map(([name, value]) => (
                <>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </>
              ))}
            </dl>
            {[...provider.environments].map(([name, environment]) => (
              <Environment name={name} environment={environment} />
            ))}
          </section>
        ))}
      </div>
      {unconfigured.map(({ id, missing }) => (
        <p class="muted">
          {id} is skipped, because none of its variables is set: {missing.join(', ')}.
        </p>
      ))}
    </section>
  );
}

const LIMITS: Readonly<Record<string, string>> = {
  perSecond: 'Requests per second',
  perDay: 'Requests per day',
  reserve: 'Reserve of the quota',
  probeEveryMs: 'Interval between probes in ms',
};

function Environment({ name, environment }: { name: string; environment: ProviderEnvironment }) {
  const { tokenEndpoint, validation, consent, limits } = environment;
  return (
    <>
      <h4>{name}</h4>
      <dl class="facts">
        <dt>Token endpoint</dt>
        <dd>
          <Copyable
            text={tokenEndpoint.shown({ externalId: '{account}' })}
            of="the token endpoint"
          />
        </dd>
        <dt>Client id and secret</dt>
        <dd>{environment.secrets.length === 0 ? 'client id set, no secret' : 'set'}</dd>
        <dt>Validation</dt>
        <dd>{validation === null ? 'not possible' : 'possible'}</dd>
        <dt>Consent</dt>
        <dd>{consent === null ? 'not configured' : 'configured'}</dd>
        {Object.entries(limits).map(([limit, value]) => (
          <>
            <dt>{LIMITS[limit] ?? limit}</dt>
            <dd>{String(value ?? 'no limit')}</dd>
          </>
        ))}
      </dl>
    </>
  );
}

function time(ms: number | null): string {
  return ms === null ? 'never' : asConfigured(ms);
}

function policyOf({ policy, ...provider }: Provider): [string, string][] {
  return [
    ['Sweeps refresh', policy.enabled ? 'on' : 'off'],
    ['Sweep every', time(policy.sweepEveryMs)],
    ['Refresh before expiry', time(policy.refreshBeforeMs)],
    ['Refresh after age', time(policy.refreshAfterAgeMs)],
    ['Validate every', time(policy.validateEveryMs)],
    ['Back-off', `${time(policy.backOffFirstMs)} to ${time(policy.backOffMaxMs)}`],
    ['Jitter', time(policy.jitterMs)],
    ['Access token life', time(provider.accessTokenLifeSeconds * 1_000)],
    [
      'Refresh token life',
      provider.refreshTokenLifeSeconds === null
        ? 'no limit known'
        : time(provider.refreshTokenLifeSeconds * 1_000),
    ],
    ['Replay rule', words(provider.replayRule.kind)],
  ];
}

const SOURCE_TONES: Record<Setting['source'], Tone> = {
  environment: 'active',
  default: 'plain',
  'not set': 'plain',
};

function Settings({ settings }: Pick<SettingsView, 'settings'>) {
  return (
    <section aria-labelledby="settings-title">
      <h2 id="settings-title">Environment variables</h2>
      <p class="muted">
        Values that may hold a secret, a path or the name of an organisation are not shown. Change a
        variable where the processes start, and restart them.
      </p>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Variable</th>
            <th scope="col">Source</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {settings.map(({ name, source, value }) => (
            <tr id={`setting-${name}`}>
              <th scope="row">
                <Copyable text={name} of="the name" />
              </th>
              <td data-label="Source">
                <Badge tone={SOURCE_TONES[source]}>{source}</Badge>
              </td>
              <td data-label="Value">
                {value ?? (source === 'not set' ? '–' : <span class="muted">set</span>)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
