/** Reads tokens and credentials from a file or standard input, never from arguments. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { encodingProblem, foreignEncoding } from '../domain/text/utf8-text';
import type { CredentialsInput } from '../services/accounts/credentials-input';
import type { GrantInput } from '../services/accounts/grant-input';
import { CommandFailed, UsageError } from './errors';

/** Reads a plain refresh token, or a JSON object with the API's members. The API validates the members. */
export function readGrant(file: string | undefined): z.input<typeof GrantInput> {
  if (file === undefined && process.stdin.isTTY) {
    throw new UsageError(
      'no tokens: redirect them to standard input (evergrant accounts add … < tokens.json) or use --token-file',
    );
  }
  const text = readText(file ?? 0).trim();
  if (text === '') throw new UsageError('no token: the input is empty');
  if (!text.startsWith('{')) {
    if (/\s/.test(text))
      throw new UsageError('the input must be one refresh token or a JSON object');
    return { refresh_token: text };
  }
  try {
    // eslint-disable-next-line typescript/no-unsafe-type-assertion
    return JSON.parse(text) as z.input<typeof GrantInput>;
  } catch {
    // The parser's message quotes the text, which contains tokens.
    throw new UsageError('the input begins like a JSON object, but is not valid JSON');
  }
}

/**
 * Reads credentials as a JSON object with the API's members, or a key file of Google. Without input, the account uses the
 * OAuth app of its provider. The API validates the members.
 */
export function readCredentials(file: string | undefined): z.input<typeof CredentialsInput> {
  if (file === undefined && process.stdin.isTTY) return {};
  const text = readText(file ?? 0).trim();
  if (text === '') return {};
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return { ...read };
  } catch {
    // The parser's message quotes the text, which contains secrets.
  }
  throw new UsageError('the credentials must be one JSON object');
}

function readText(file: string | 0): string {
  const name = file === 0 ? 'Standard input' : file;
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new CommandFailed(`${name} cannot be read (${code}).`);
  }
  const encoding = foreignEncoding(bytes);
  if (encoding !== null)
    throw new CommandFailed(`${name} is ${encodingProblem(encoding, 'UTF-8')}.`);
  return bytes.toString('utf8');
}
