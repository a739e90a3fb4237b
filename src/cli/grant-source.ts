/** Tokens that a person hands in: from a file or standard input, never from arguments. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { GrantInput } from '../api/grant-input';
import { CommandFailed, UsageError } from './errors';

/** The bare refresh token, or a JSON object with the members of the API; the API says what is wrong with those. */
export function readGrant(file: string | undefined): z.input<typeof GrantInput> {
  if (file === undefined && process.stdin.isTTY) {
    throw new UsageError(
      'the tokens are read from standard input or --token-file: evergrant accounts add … < tokens.json',
    );
  }
  const text = readText(file ?? 0).trim();
  if (text === '') throw new UsageError('there is no token: what was read is empty');
  if (!text.startsWith('{')) {
    if (/\s/.test(text)) throw new UsageError('one refresh token is wanted, or a JSON object');
    return { refresh_token: text };
  }
  try {
    // eslint-disable-next-line typescript/no-unsafe-type-assertion
    return JSON.parse(text) as z.input<typeof GrantInput>;
  } catch {
    // The parser's own words quote what stands there.
    throw new UsageError('what was read begins as JSON, but is not');
  }
}

function readText(file: string | 0): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new CommandFailed(`${file === 0 ? 'Standard input' : file} cannot be read (${code}).`);
  }
}
