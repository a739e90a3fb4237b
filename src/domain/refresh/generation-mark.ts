/** What is known of an account outside the database: which generation brought its newest refresh token. */

export interface GenerationMark {
  accountId: string;
  generation: number;
}
