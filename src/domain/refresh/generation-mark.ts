/** A record outside the database of which generation obtained an account's newest refresh token. */

export interface GenerationMark {
  accountId: string;
  generation: number;
}
