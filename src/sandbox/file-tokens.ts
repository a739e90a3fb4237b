/** Mints tokens that look like those in the examples of a provider file. */
import { createHash, randomBytes } from 'node:crypto';
import type { ProviderFile } from '../providers/catalogue/provider-file';

type Mint = (secretMarker?: string, subject?: string) => string;

export function tokenMints(file: ProviderFile): { access: Mint; refresh: Mint } {
  const { answers, refresh } = file.examples;
  const [access = ''] = answers.map(({ accessToken }) => accessToken);
  const [renewed = refresh?.refreshToken ?? ''] = answers.flatMap((one) => one.refreshToken ?? []);
  return { access: mint(file, access), refresh: mint(file, renewed) };
}

/** An example token is a prefix of the provider, the word "example", and a part that a real token would have at random. */
function mint({ identity }: ProviderFile, example: string): Mint {
  const prefix = example.slice(0, Math.max(0, example.indexOf('example')));
  const owner = identity?.from === 'access_token' ? new RegExp(identity.pattern, 'du') : null;
  return (secretMarker = '', subject = randomBytes(8).toString('hex')) => {
    const token = `${prefix}${secretMarker}${randomBytes(48).toString('base64url')}`;
    return owner === null ? token : ownedBy(subject, token, owner);
  };
}

/** Puts the subject into the token, or a number that stands for it if the pattern does not accept the subject. */
function ownedBy(subject: string, token: string, pattern: RegExp): string {
  const [from, to] = pattern.exec(token)?.indices?.[1] ?? [];
  if (from === undefined || to === undefined) return token;
  const digest = createHash('sha256').update(subject).digest();
  const number = String(10_000_000 + (digest.readUInt32BE() % 900_000_000));
  const tokens = [subject, number].map((one) => token.slice(0, from) + one + token.slice(to));
  const [named = token, numbered = token] = tokens;
  return pattern.exec(named)?.[1] === subject ? named : numbered;
}
