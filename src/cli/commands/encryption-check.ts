/** `evergrant encryption check`: prints which encryption keys are in use, and which process lacks one. */
import { encryptionProblems, rotationLine, useOfKey } from '../../domain/encryption-text';
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import type { Encryption } from '../encryption';
import { type Columns, coloured, time } from '../output';
import { grouped } from '../progress';

export const encryptionCheck: Command = {
  words: ['encryption', 'check'],
  summary: 'Show which encryption keys are in use, and whether a process lacks one',
  more: 'Exit code 1: a process lacks a needed key, or records are encrypted with a key that no process has.',
  async run({ api, out }) {
    const body = await api.ask(({ admin }) => admin.encryption.$get());
    const problems = [
      ...encryptionProblems(body),
      ...(body.other_records === null
        ? ['A worker is counting the records. Run this command again in a minute.']
        : []),
    ];
    const exitCode = problems.length > 0 ? 1 : 0;
    const columns: Columns<Encryption['keys'][number]> = {
      key: ({ id }) => id,
      use: useOfKey,
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
