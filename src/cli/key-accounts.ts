/** The accounts for which an API key gets tokens, as text for tables. */

/** The lists of a key in the API; `null` does not restrict. */
interface KeyLists {
  providers: string[] | null;
  kinds: string[] | null;
  accounts: string[] | null;
}

export function accountsOfKey({ providers, kinds, accounts }: KeyLists): string {
  const parts = [
    ...(providers ?? []).map((provider) => `provider ${provider}`),
    ...(kinds ?? []).map((kind) => `kind ${kind}`),
    ...(accounts ?? []),
  ];
  return parts.length === 0 ? 'all' : parts.join(', ');
}
