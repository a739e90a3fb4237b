/** `evergrant encryption check`: prints which encryption keys are in use, and which process lacks one. */
import type { Command } from '../command';
import { type Encryption, rotationLine } from '../encryption';
import { coloured, time } from '../output';
import { grouped } from '../progress';

export const encryptionCheck: Command = {
  words: ['encryption', 'check'],
  summary: 'Which encryption key seals, what each has sealed, and who lacks one that is needed',
  more: 'Exit code 1: a key that is needed is missing somewhere, or records name a key that is nowhere.',
  async run({ api, out, json }) {
    const body = await api.ask(({ admin }) => admin.encryption.$get());
    const problems = problemsOf(body);
    const exitCode = problems.length > 0 ? 1 : 0;
    if (json) {
      out.json(body);
      return exitCode;
    }
    out.table(
      ['key', 'use', 'records', 'promoted', 'retired', 'missing from'],
      body.keys.map((key) => [
        key.id,
        key.seals ? 'seals' : key.needed ? 'opens' : key.retired_at === null ? 'new' : 'removable',
        key.records === null ? null : grouped(key.records),
        time(key.promoted_at),
        time(key.retired_at),
        key.missing_from.join(', '),
      ]),
      'There is no key.',
    );
    out.line();
    if (body.rotation !== null) out.line(`last rotation: ${rotationLine(body.rotation)}`);
    for (const problem of problems) out.line(coloured('red', problem));
    if (problems.length === 0) out.line('Every record can be opened by every process.');
    return exitCode;
  },
};

function problemsOf({ keys, other_records: other }: Encryption): string[] {
  const missing = keys
    .filter(({ needed, missing_from: from }) => needed && from.length > 0)
    .map(
      ({ id, missing_from: from }) =>
        `The key ${id} is needed, and missing from ${from.join(', ')}.`,
    );
  const lost = keys
    .filter(({ present, needed, records }) => !present && (needed || (records ?? 0) > 0))
    .map(({ id, records }) =>
      records === null
        ? `The key ${id} is not here, and is needed.`
        : `The key ${id} is not here: ${grouped(records)} records name it.`,
    );
  const nowhere =
    other === null
      ? ['A worker is counting the records. Run this command again in a minute.']
      : other > 0
        ? [`Records that name keys nobody knows: ${grouped(other)}.`]
        : [];
  return [...missing, ...lost, ...nowhere];
}
