/** The encryption keys by id: their use, their records, the processes that have them, and the rotation. Updated live. */
import { encryptionBody } from '../../api/routes/encryption/encryption-body';
import { NOTE_MAX } from '../../api/routes/schedules/schedule-body';
import { encryptionProblems, rotationLine, useOfKey } from '../../domain/encryption-text';
import { cliOption } from '../../domain/text/shell-command';
import type { EncryptionStatus } from '../../services/encryption/encryption-status';
import { Badge, type Tone } from '../parts/badge';
import { Commands } from '../parts/commands';
import { Confirm, ConfirmButton } from '../parts/confirm';
import { Copyable } from '../parts/copy';
import { Field } from '../parts/form';
import { Notice } from '../parts/notice';
import { numeral } from '../parts/plot';
import { Moment } from '../parts/time';

export const ENCRYPTION_PATH = '/admin/encryption';

const USE_TONES: Readonly<Record<string, Tone>> = {
  encrypts: 'good',
  decrypts: 'plain',
  new: 'active',
  removable: 'warn',
};

export function EncryptionPage({ status, origin }: { status: EncryptionStatus; origin: string }) {
  return (
    <>
      <div class="toolbar">
        <Commands
          origin={origin}
          of="the encryption"
          commands={[
            {
              title: 'Check',
              request: { path: '/api/admin/encryption' },
              words: ['encryption', 'check'],
            },
            {
              title: 'Rotate',
              request: { method: 'POST', path: '/api/admin/encryption/rotate', body: {} },
              words: ['encryption', 'rotate'],
            },
            {
              title: 'Pause',
              request: {
                method: 'POST',
                path: '/api/admin/encryption/pause',
                body: { note: 'maintenance' },
              },
              words: ['encryption', 'pause', cliOption('note', 'maintenance')],
            },
            {
              title: 'Resume',
              request: { method: 'POST', path: '/api/admin/encryption/resume' },
              words: ['encryption', 'resume'],
            },
          ]}
        />
      </div>
      <div id="encryption" hx-sse:connect={`${ENCRYPTION_PATH}/stream`} hx-swap="innerMorph">
        <Encryption status={status} />
      </div>
      <Dialogs status={status} />
    </>
  );
}

/** The live fragment. */
export function Encryption({ status }: { status: EncryptionStatus }) {
  const problems = encryptionProblems(encryptionBody(status));
  return (
    <>
      {problems.map((problem) => (
        <Notice kind="bad">{problem}</Notice>
      ))}
      {problems.length === 0 && status.otherRecords !== null && (
        <p class="all-well">Every process can decrypt every record.</p>
      )}
      <Rotation status={status} />
      <Keys status={status} />
      <Processes status={status} />
    </>
  );
}

function Keys({ status }: { status: EncryptionStatus }) {
  const { asOf } = status;
  const { keys } = encryptionBody(status);
  return (
    <section aria-labelledby="keys-title">
      <h2 id="keys-title">Keys in use</h2>
      <p class="muted">
        Evergrant shows the ids of keys and never a key.{' '}
        {asOf === null ? (
          'A worker is counting the records.'
        ) : (
          <>
            Records were counted <Moment at={asOf} />.
          </>
        )}
      </p>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Use</th>
            <th scope="col">Records</th>
            <th scope="col">Activated</th>
            <th scope="col">Retired</th>
            <th scope="col">Missing from</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr id={`key-${key.id}`}>
              <th scope="row">
                <Copyable text={key.id} of="the id of the key" />
              </th>
              <td data-label="Use">
                <Badge tone={USE_TONES[useOfKey(key)] ?? 'plain'}>{useOfKey(key)}</Badge>
              </td>
              <td data-label="Records">{key.records === null ? '–' : numeral(key.records)}</td>
              <td data-label="Activated">
                {key.promoted_at === null ? '–' : <Moment at={new Date(key.promoted_at)} />}
              </td>
              <td data-label="Retired">
                {key.retired_at === null ? '–' : <Moment at={new Date(key.retired_at)} />}
              </td>
              <td data-label="Missing from">
                {key.missing_from.length === 0 ? '–' : key.missing_from.join(', ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Rotation({ status: { rotation, keys } }: { status: EncryptionStatus }) {
  const body = rotation && encryptionBody({ ...EMPTY, rotation }).rotation;
  const progress = rotation?.progress ?? null;
  const isOpen = rotation?.status === 'running' || rotation?.status === 'paused';
  const total = progress?.total ?? 0;
  return (
    <section class="card" aria-labelledby="rotation-title">
      <h2 id="rotation-title">
        Rotation
        {rotation !== null && (
          <Badge tone={ROTATION_TONES[rotation.status]}>{rotation.status}</Badge>
        )}
      </h2>
      {body === null || rotation === null ? (
        <p class="muted">No rotation yet.</p>
      ) : (
        <>
          <p>{sentence(rotationLine(body))}</p>
          {isOpen && total > 0 && (
            <progress
              value={progress?.resealed ?? 0}
              max={total}
              aria-label="Re-encrypted records"
            />
          )}
          <dl class="facts">
            {progress !== null && (
              <>
                <dt>Started</dt>
                <dd>
                  <Moment at={new Date(progress.startedAt)} />
                </dd>
                <dt>Passes over the records</dt>
                <dd>{progress.passes}</dd>
                {Object.entries(progress.unreadable).map(([key, records]) => (
                  <>
                    <dt>Records of the key {key} that no key decrypts</dt>
                    <dd>
                      {numeral(records)}
                      <span class="detail">{progress.unreadableRecords.join(', ')}</span>
                    </dd>
                  </>
                ))}
                {progress.removable.length > 0 && (
                  <>
                    <dt>Keys to remove from ENCRYPTION_KEYS</dt>
                    <dd>{progress.removable.join(', ')}</dd>
                  </>
                )}
              </>
            )}
            <dt>Workflow</dt>
            <dd>
              <a href={`/admin/workflows/${encodeURIComponent(rotation.workflowId)}`}>
                {rotation.workflowId}
              </a>{' '}
              <Copyable text={rotation.runId} of="the run id" />
            </dd>
          </dl>
        </>
      )}
      {!isOpen && keys.length < 2 && (
        <p class="muted">
          To rotate, first add a new key at the end of <code>ENCRYPTION_KEYS</code> of every
          process, and restart the processes one by one.
        </p>
      )}
      <div class="actions">
        {!isOpen && (
          <ConfirmButton opens="rotate" of="to another encryption key">
            Rotate …
          </ConfirmButton>
        )}
        {rotation?.status === 'running' && (
          <ConfirmButton opens="pause" of="the rotation">
            Pause …
          </ConfirmButton>
        )}
        {rotation?.status === 'paused' && (
          <ConfirmButton opens="resume" of="the rotation">
            Resume …
          </ConfirmButton>
        )}
      </div>
    </section>
  );
}

const EMPTY: Omit<EncryptionStatus, 'rotation'> = {
  sealingKey: '',
  keys: [],
  otherRecords: null,
  asOf: null,
  processes: [],
};

const ROTATION_TONES: Record<NonNullable<EncryptionStatus['rotation']>['status'], Tone> = {
  running: 'active',
  paused: 'warn',
  completed: 'good',
  failed: 'bad',
};

function sentence(line: string): string {
  return `${line.slice(0, 1).toUpperCase()}${line.slice(1)}${line.endsWith('.') ? '' : '.'}`;
}

function Processes({ status: { processes } }: { status: EncryptionStatus }) {
  return (
    <section aria-labelledby="processes-title">
      <h2 id="processes-title">Processes</h2>
      {processes.length === 0 ? (
        <p class="empty">No process has reported its keys yet.</p>
      ) : (
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">Encrypts with</th>
              <th scope="col">Can decrypt with</th>
              <th scope="col">Last heartbeat</th>
            </tr>
          </thead>
          <tbody>
            {processes.map(({ name, keys, sealingKey, seenAt }) => (
              <tr>
                <th scope="row">{name}</th>
                <td data-label="Encrypts with">{sealingKey}</td>
                <td data-label="Can decrypt with">{keys.join(', ')}</td>
                <td data-label="Last heartbeat">
                  <Moment at={seenAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Outside the live fragment, whose updates would close the dialogs. */
function Dialogs({ status: { keys } }: { status: EncryptionStatus }) {
  const others = keys.filter(({ seals, present }) => !seals && present);
  return (
    <>
      <Confirm
        id="rotate"
        title="Rotate the encryption key?"
        action={`${ENCRYPTION_PATH}/rotate`}
        submit="Rotate"
      >
        <p>
          Evergrant encrypts all records of all organisations with the new key. Refreshes continue
          meanwhile. The request is refused unless every running process has the key.
        </p>
        <div class="field">
          <label for="rotate-to">New key</label>
          <select id="rotate-to" name="to">
            <option value="">the key that was never used</option>
            {others.map(({ id }) => (
              <option value={id}>{id}</option>
            ))}
          </select>
        </div>
      </Confirm>
      <Confirm
        id="pause"
        title="Pause the rotation?"
        action={`${ENCRYPTION_PATH}/pause`}
        submit="Pause"
      >
        <p>The rotation finishes its current page of records, then waits until you resume it.</p>
        <Field id="pause-note" name="note" label="Reason" maxLength={NOTE_MAX} required />
      </Confirm>
      <Confirm
        id="resume"
        title="Resume the rotation?"
        action={`${ENCRYPTION_PATH}/resume`}
        submit="Resume"
      >
        <p>The rotation continues where it was paused.</p>
      </Confirm>
    </>
  );
}
