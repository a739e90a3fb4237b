/** `evergrant encryption check`: prints which encryption keys are in use, and which process lacks one. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { type Encryption, rotationLine } from '../encryption';
import { type Columns, coloured, time } from '../output';
import { grouped } from '../progress';

export const encryptionCheck: Command = {
  words: ['encryption', 'check'],
  summary: 'Show which encryption keys are in use, and whether a process lacks one',
  more: 'Exit code 1: a process lacks a needed key, or records are encrypted with a key that no process has.',
  async run({ api, out }) {
    const body = await api.ask(({ admin }) => admin.encryption.$get());
    const problems = problemsOf(body);
    const exitCode = problems.length > 0 ? 1 : 0;
    const columns: Columns<Encryption['keys'][number]> = {
      key: ({ id }) => id,
      use: useOf,
      records: ({ records }) => (records !== null && out.isForPeople ? grouped(records) : records),
      activated: ({ promoted_at: at }) => time(at),
      retired: ({ retired_at: at }) => time(at),
      'missing from': ({ missing_from: from }) => from.join(', '),
    };
    out.list(body, body.keys, columns, noneYet('encryption keys'));
    if (!out.isForPeople) return exitCode;
    out.line();
    if (body.rotation !== null) out.line(`last rotation: ${rotationLine(body.rotation)}`);
    for (const problem of problems) out.line(coloured('red', problem));
    if (problems.length === 0) out.line('Every process can decrypt every record.');
    return exitCode;
  },
};

function useOf({ seals, needed, retired_at: at }: Encryption['keys'][number]): string {
  if (seals) return 'encrypts';
  if (needed) return 'decrypts';
  return at === null ? 'new' : 'removable';
}

function problemsOf({ keys, other_records: other }: Encryption): string[] {
  const missing = keys
    .filter(({ needed, missing_from: from }) => needed && from.length > 0)
    .map(
      ({ id, missing_from: from }) =>
        `The key ${id} is needed, but missing from ${from.join(', ')}. Add it to ENCRYPTION_KEYS there.`,
    );
  const lost = keys
    .filter(({ present, needed, records }) => !present && (needed || (records ?? 0) > 0))
    .map(({ id, records }) =>
      records === null
        ? `The API process does not have the key ${id}, which is needed.`
        : `The API process does not have the key ${id}, which ${grouped(records)} records name.`,
    );
  const unknown =
    other === null
      ? ['A worker is counting the records. Run this command again in a minute.']
      : other > 0
        ? [`Records that name an unknown key: ${grouped(other)}.`]
        : [];
  return [...missing, ...lost, ...unknown];
}
